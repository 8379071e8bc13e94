//! Trace context in the headers of a message, as W3C Trace Context has it.
//!
//! OpenTelemetry's own propagator is a part of its SDK, which is for programs, and what a program
//! sets globally is nothing unless it does. So the two headers are written and read here.

use std::str::FromStr;

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::topology::FieldValue;
use crate::transport::Headers;

const PARENT: &str = "traceparent";
const STATE: &str = "tracestate";

/// Puts the context of the span into the headers, or of what is around it where it is disabled. One
/// that is there already is left, and linked to.
pub(super) fn inject(span: &Span, headers: &mut Headers) {
    if headers.get(PARENT).is_some() {
        if let Some(theirs) = read(headers) {
            span.add_link(theirs);
        }
        return;
    }
    let around = if span.is_disabled() { Span::current().context() } else { span.context() };
    let mut context = around.span().span_context().clone();
    if !context.is_valid() {
        context = Context::map_current(|current| current.span().span_context().clone());
    }
    if context.is_valid() {
        write(&context, headers);
    }
}

/// Makes the span a child of the one that the headers tell of.
pub(super) fn adopt(span: &Span, headers: &Headers) {
    if span.is_disabled() {
        return;
    }
    if let Some(remote) = read(headers) {
        // Only a subscriber without the layer of OpenTelemetry refuses it.
        drop(span.set_parent(Context::new().with_remote_span_context(remote)));
    }
}

/// Names a span anew that has begun: the layer of OpenTelemetry takes only the first name from a field.
pub(super) fn rename(span: &Span, name: String) {
    span.context().span().update_name(name);
}

fn write(context: &SpanContext, headers: &mut Headers) {
    let (trace, span) = (context.trace_id(), context.span_id());
    let flags = u8::from(context.is_sampled());
    headers.insert(PARENT, format!("00-{trace}-{span}-{flags:02x}"));
    let state = context.trace_state().header();
    if !state.is_empty() {
        headers.insert(STATE, state);
    }
}

fn read(headers: &Headers) -> Option<SpanContext> {
    let text = |name| headers.get(name).and_then(FieldValue::as_str);
    let (trace, span, flags) = parent(text(PARENT)?)?;
    let state = text(STATE).and_then(|state| TraceState::from_str(state).ok()).unwrap_or_default();
    let context = SpanContext::new(trace, span, flags, true, state);
    context.is_valid().then_some(context)
}

/// What a `traceparent` says. A later version may say more, after what this one does.
fn parent(text: &str) -> Option<(TraceId, SpanId, TraceFlags)> {
    let mut parts = text.split('-');
    let version = hex(parts.next()?, 2)?;
    let trace = TraceId::from_hex(hex(parts.next()?, 32)?).ok()?;
    let span = SpanId::from_hex(hex(parts.next()?, 16)?).ok()?;
    let flags = u8::from_str_radix(hex(parts.next()?, 2)?, 16).ok()?;
    if version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    Some((trace, span, TraceFlags::new(flags) & TraceFlags::SAMPLED))
}

/// The text, where it is this many hexadecimal digits, in small letters.
fn hex(text: &str, digits: usize) -> Option<&str> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (text.len() == digits && text.bytes().all(is_digit)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn headers(parent: &str, state: Option<&str>) -> Headers {
        let mut headers = Headers::default();
        headers.insert(PARENT, parent.to_owned());
        if let Some(state) = state {
            headers.insert(STATE, state.to_owned());
        }
        headers
    }

    #[test]
    fn what_was_read_is_written_as_it_was() {
        for flags in ["00", "01"] {
            let came = headers(&format!("00-{TRACE}-{SPAN}-{flags}"), Some("shop=1,desk=b"));
            let context = read(&came).unwrap();
            assert!(context.is_remote());
            assert_eq!(context.is_sampled(), flags == "01");
            let mut goes = Headers::default();
            write(&context, &mut goes);
            assert_eq!(goes, came);
        }
    }

    #[test]
    fn a_later_version_is_read_for_what_this_one_knows() {
        for text in [format!("01-{TRACE}-{SPAN}-03"), format!("cc-{TRACE}-{SPAN}-01-what-else")] {
            let context = read(&headers(&text, None)).unwrap();
            assert_eq!(context.trace_id().to_string(), TRACE);
            assert_eq!(context.span_id().to_string(), SPAN);
            assert_eq!(context.trace_flags(), TraceFlags::SAMPLED);
        }
    }

    #[test]
    fn what_is_malformed_is_passed_over() {
        let none = "0".repeat(32);
        for text in [
            String::new(),
            "00".to_owned(),
            TRACE.to_owned(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-{SPAN}-0g"),
            format!("00-{TRACE}-{SPAN}-+1"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("0-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{none}-{SPAN}-01"),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{TRACE}0-{SPAN}-01"),
            format!(" 00-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-ä"),
        ] {
            assert!(read(&headers(&text, None)).is_none(), "{text}");
        }
        let mut number = Headers::default();
        number.insert(PARENT, 7);
        assert!(read(&number).is_none());
    }

    #[test]
    fn a_malformed_state_does_not_spoil_the_parent() {
        let came = headers(&format!("00-{TRACE}-{SPAN}-01"), Some("no list=, of, pairs"));
        assert_eq!(read(&came).unwrap().trace_state(), &TraceState::default());
    }
}
