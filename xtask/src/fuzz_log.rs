//! What libFuzzer writes while it runs, read.

/// The log of one run.
pub(crate) struct Log<'a>(&'a str);

impl<'a> Log<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        Self(text)
    }

    /// How much was done.
    pub(crate) fn done(&self) -> String {
        let number = |found: Option<&'a str>| found.unwrap_or("?");
        let executions = self.last("stat::number_of_executed_units:");
        // The time is told only at the end of a run without a finding.
        let time = self.last(" runs in ").map(|seconds| format!("in {seconds} s"));
        let time = time.as_deref().unwrap_or("before it stopped");
        let (reached, of) = (self.last(" cov: "), self.last("modules   ("));
        format!(
            "{} executions {time}, coverage {} of {} edges",
            number(executions),
            number(reached),
            number(of)
        )
    }

    /// Where the input that was found lies.
    pub(crate) fn input(&self) -> Option<&'a str> {
        self.last("Test unit written to ")
    }

    /// What the target or the fuzzer said of it.
    pub(crate) fn reason(&self) -> String {
        let lines = || self.0.lines();
        if let Some(place) = lines().position(|line| line.contains("panicked at ")) {
            return lines().skip(place).take(2).collect::<Vec<_>>().join(" ");
        }
        let told = lines().find_map(|line| after(line, "ERROR: libFuzzer: "));
        told.unwrap_or("it ended without a word").to_owned()
    }

    /// The last word that follows this text.
    fn last(&self, text: &str) -> Option<&'a str> {
        self.0.lines().rev().find_map(|line| after(line, text)?.split_whitespace().next())
    }
}

fn after<'a>(line: &'a str, text: &str) -> Option<&'a str> {
    line.split_once(text).map(|(_, rest)| rest.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: &str = "\
INFO: Loaded 1 modules   (3796 inline 8-bit counters): 3796 [0x1, 0x2),
#2\tINITED cov: 12 ft: 13 corp: 1/1b exec/s: 0 rss: 30Mb
#175565\tDONE   cov: 1042 ft: 5172 corp: 1301/91Kb lim: 2000 exec/s: 6752 rss: 59Mb
Done 175565 runs in 26 second(s)
stat::number_of_executed_units: 175565";

    const LOUD: &str = "\
INFO: Loaded 1 modules   (3796 inline 8-bit counters): 3796 [0x1, 0x2),
#7\tNEW    cov: 12 ft: 13 corp: 1/1b exec/s: 0 rss: 30Mb
thread '<unnamed>' (7) panicked at fuzz_targets/frames.rs:23:5:
assertion `left == right` failed
==7== ERROR: libFuzzer: deadly signal
stat::number_of_executed_units: 8
artifact_prefix='fuzz/artifacts/frames/'; Test unit written to fuzz/artifacts/frames/crash-9f";

    #[test]
    fn a_quiet_run_says_how_much_was_done_and_names_no_input() {
        let log = Log::of(QUIET);
        assert_eq!(log.done(), "175565 executions in 26 s, coverage 1042 of 3796 edges");
        assert_eq!(log.input(), None);
    }

    #[test]
    fn a_finding_has_its_input_and_what_the_panic_said() {
        let log = Log::of(LOUD);
        assert_eq!(log.done(), "8 executions before it stopped, coverage 12 of 3796 edges");
        assert_eq!(log.input(), Some("fuzz/artifacts/frames/crash-9f"));
        assert!(log.reason().contains("frames.rs:23:5: assertion `left == right` failed"));
    }

    #[test]
    fn what_the_fuzzer_stopped_itself_has_the_fuzzers_words() {
        let log = Log::of("==9== ERROR: libFuzzer: timeout after 11 seconds\n");
        assert_eq!(log.reason(), "timeout after 11 seconds");
    }
}
