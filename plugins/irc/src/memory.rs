//! What was done for the last idempotency keys, so that it is not done again.

use std::collections::{HashMap, VecDeque};

/// How many keys are remembered.
pub const CAPACITY: usize = 1_000;

/// The latest values by key; the oldest key is forgotten when there are too many.
#[derive(Debug)]
pub struct Memory<T> {
    values: HashMap<String, T>,
    order: VecDeque<String>,
}

impl<T> Default for Memory<T> {
    fn default() -> Self {
        Self { values: HashMap::new(), order: VecDeque::new() }
    }
}

impl<T> Memory<T> {
    /// What is remembered for a key. The empty key is no key.
    pub fn recall(&self, key: &str) -> Option<&T> {
        self.values.get(key)
    }

    /// What is remembered, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.order.iter().filter_map(|key| Some((key.as_str(), self.values.get(key)?)))
    }

    /// Remembers a value for a key. The empty key is no key.
    pub fn remember(&mut self, key: &str, value: T) {
        if key.is_empty() {
            return;
        }
        if self.values.insert(key.to_owned(), value).is_none() {
            self.order.push_back(key.to_owned());
        }
        while self.order.len() > CAPACITY {
            if let Some(oldest) = self.order.pop_front() {
                self.values.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_key_is_forgotten() {
        let mut memory = Memory::default();
        for number in 0..=CAPACITY {
            memory.remember(&number.to_string(), number);
        }
        assert_eq!(memory.recall("0"), None);
        assert_eq!(memory.recall("1"), Some(&1));
        assert_eq!(memory.recall("1000"), Some(&1000));
    }

    #[test]
    fn a_key_holds_its_latest_value_once() {
        let mut memory = Memory::default();
        memory.remember("a", 1);
        memory.remember("a", 2);
        assert_eq!((memory.recall("a"), memory.order.len()), (Some(&2), 1));
    }

    #[test]
    fn the_empty_key_is_no_key() {
        let mut memory = Memory::default();
        memory.remember("", 1);
        assert_eq!(memory.recall(""), None);
    }
}
