//! A thousand handlers take minutes to compile, so only who asks for their benchmark waits for them.

/// Set where they are to be compiled, as `cargo xtask bench --micro` does.
const THOUSAND: &str = "POSTAGE_BENCH_THOUSAND";

fn main() {
    println!("cargo::rustc-check-cfg=cfg(thousand)");
    println!("cargo::rerun-if-env-changed={THOUSAND}");
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os(THOUSAND).is_some() {
        println!("cargo::rustc-cfg=thousand");
    }
}
