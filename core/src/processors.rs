//! Doing the same with many things, on all processors.

use std::{panic::resume_unwind, thread};

/// Looks at each in turn, several at a time; the answers come in the order of the questions.
pub(crate) fn on_all_processors<Question: Sync, Answer: Send>(
    questions: &[Question],
    look: impl Fn(&Question) -> Answer + Sync,
) -> Vec<Answer> {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let mut parts = questions.chunks(questions.len().div_ceil(workers).max(1));
    let own = parts.next().unwrap_or_default();
    thread::scope(|scope| {
        let look = &look;
        let others: Vec<_> = parts
            .map(|part| scope.spawn(move || part.iter().map(look).collect::<Vec<_>>()))
            .collect();
        let mut answers: Vec<Answer> = own.iter().map(look).collect();
        for part in others {
            answers.extend(part.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        answers
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_in_the_order_of_the_questions() {
        for count in [0, 1, 2, 3, 1_000] {
            let questions: Vec<usize> = (0..count).collect();
            assert_eq!(
                on_all_processors(&questions, |number| number + 1),
                Vec::from_iter(1..=count)
            );
        }
    }
}
