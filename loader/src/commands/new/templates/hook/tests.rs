use super::*;

#[test]
fn a_model_is_told() {
    let told = change("openai/gpt").system_prompt;
    assert_eq!(told.as_deref(), Some("Answer in one sentence."));
}

#[test]
fn one_that_only_repeats_is_left_alone() {
    assert_eq!(change("echo/echo"), PromptChange::default());
}
