//! The mistakes authors make, and what the compiler tells them. The texts are those of rustc 1.95;
//! accept new ones with `TRYBUILD=overwrite cargo test -p loader-sdk --test compile_fail`.

#[test]
#[expect(clippy::print_stdout, reason = "a test says what it did not run")]
fn mistakes_are_explained_by_the_compiler() {
    let compiler = loader_sdk::export::RUSTC;
    if !compiler.starts_with("rustc 1.95.") {
        println!("not run: the expected texts are those of rustc 1.95; this is {compiler}");
        return;
    }
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
    cases.pass("tests/ui/sound/*.rs");
}
