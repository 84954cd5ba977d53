//! What hooks add to a prompt: what several of them add stands in the order they were called in.

use super::round::Effect;
use loader_contract::{
    hook::PromptChange,
    text_inference::{Message, Part, Role},
};

/// What hooks have added to one prompt so far.
#[derive(Default)]
pub(crate) struct Additions {
    /// Whether the first message is theirs.
    instructed: bool,
    /// How much of the last thing that the person said is theirs, in bytes.
    context: usize,
}

impl Additions {
    /// Adds what one hook wants to have in the prompt.
    pub(super) fn add(&mut self, messages: &mut Vec<Message>, change: PromptChange) -> Effect {
        let said = |text: Option<String>| text.filter(|text| !text.is_empty());
        let (instructions, context) = (said(change.system_prompt), said(change.prepend_context));
        if instructions.is_none() && context.is_none() {
            return Effect::None;
        }
        if let Some(text) = instructions {
            self.instruct(messages, text);
        }
        if let Some(text) = context {
            self.put_before(messages, &text);
        }
        Effect::Changed
    }

    /// One message holds the instructions of all hooks; those of the conversation come after it.
    fn instruct(&mut self, messages: &mut Vec<Message>, text: String) {
        let present = messages.first_mut().filter(|_| self.instructed);
        match present.and_then(|message| message.content.first_mut()) {
            Some(Part::Text { text: present }) => {
                present.push_str(BLANK_LINE);
                present.push_str(&text);
            }
            _ => messages.insert(0, Message::text(Role::System, text)),
        }
        self.instructed = true;
    }

    /// What the person said last comes after the context of all hooks. Where the person said nothing,
    /// the context is what is said.
    fn put_before(&mut self, messages: &mut Vec<Message>, context: &str) {
        let spoken = last_spoken(messages);
        let mut added = context.to_owned();
        if self.context < spoken.len() {
            added.push_str(BLANK_LINE);
        } else if self.context > 0 {
            added.insert_str(0, BLANK_LINE);
        }
        spoken.insert_str(self.context, &added);
        self.context += added.len();
    }
}

/// What separates texts.
const BLANK_LINE: &str = "\n\n";

/// The text of the last thing that the person said, which may be empty.
fn last_spoken(messages: &mut Vec<Message>) -> &mut String {
    let at = messages.iter().rposition(|message| message.role == Role::User);
    let at = at.unwrap_or_else(|| {
        messages.push(Message { role: Role::User, ..Message::default() });
        messages.len() - 1
    });
    let parts = &mut messages[at].content;
    let text = parts.iter().position(|part| matches!(part, Part::Text { .. }));
    let text = text.unwrap_or_else(|| {
        parts.insert(0, Part::Text { text: String::new() });
        0
    });
    match &mut parts[text] {
        Part::Text { text } => text,
        Part::Image { .. } | Part::Unknown => unreachable!("it was looked for"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(system: &str, context: &str) -> PromptChange {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        PromptChange { system_prompt: some(system), prepend_context: some(context) }
    }

    fn told(messages: &[Message]) -> Vec<(Role, String)> {
        messages.iter().map(|message| (message.role, message.joined_text())).collect()
    }

    #[test]
    fn what_several_hooks_add_stands_in_their_order_before_what_was_there() {
        let mut messages = vec![
            Message::text(Role::System, "the client's"),
            Message::text(Role::User, "first"),
            Message::text(Role::Assistant, "answer"),
            Message::text(Role::User, "last"),
        ];
        let mut additions = Additions::default();
        additions.add(&mut messages, change("one", "a"));
        additions.add(&mut messages, change("", ""));
        additions.add(&mut messages, change("two", "b"));
        let expected = [
            (Role::System, "one\n\ntwo"),
            (Role::System, "the client's"),
            (Role::User, "first"),
            (Role::Assistant, "answer"),
            (Role::User, "a\n\nb\n\nlast"),
        ];
        assert_eq!(told(&messages), expected.map(|(role, text)| (role, text.to_owned())));
    }

    #[test]
    fn context_is_what_is_said_where_the_person_said_no_words() {
        let image = Part::Image { url: "https://images.test/one".to_owned() };
        for mut messages in [
            vec![Message::text(Role::System, "the client's")],
            vec![Message { content: vec![image], ..Message::default() }],
        ] {
            let mut additions = Additions::default();
            additions.add(&mut messages, change("", "a"));
            additions.add(&mut messages, change("", "b"));
            let last = messages.last().expect("a message");
            assert_eq!((last.role, last.joined_text().as_str()), (Role::User, "a\n\nb"));
        }
    }
}
