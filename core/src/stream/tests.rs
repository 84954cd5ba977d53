//! Who is woken by what.

use super::*;
use std::{
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::Wake,
};

/// Counts how often whoever waits is woken.
#[derive(Default)]
struct Sleeper(AtomicUsize);

impl Sleeper {
    fn wakes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Polls once, in the name of a sleeper.
fn is_ready(future: impl Future<Output = ()>, sleeper: &Arc<Sleeper>) -> bool {
    let waker = Waker::from(sleeper.clone());
    pin!(future).poll(&mut Context::from_waker(&waker)).is_ready()
}

fn fill(sender: &Sender) {
    while sender.credit() > 0 {
        sender.try_send(Message::data(vec![0])).expect("there is credit");
    }
}

#[test]
fn only_the_receivers_end_wakes_who_waits_for_it() {
    let (near, far) = pair();
    let sleeper = Arc::new(Sleeper::default());
    for _ in 0..1000 {
        assert!(!is_ready(near.sender.closed(), &sleeper));
        near.sender.try_send(Message::data(vec![0])).expect("there is credit");
        assert!(far.receiver.try_receive().is_ready());
    }
    assert_eq!(sleeper.wakes(), 0, "messages are none of its business");
    far.receiver.close();
    assert_eq!(sleeper.wakes(), 1);
    assert!(is_ready(near.sender.closed(), &sleeper));
}

#[test]
fn room_and_the_receivers_end_wake_who_waits_for_room() {
    let (near, far) = pair();
    let sleeper = Arc::new(Sleeper::default());
    fill(&near.sender);
    assert!(!is_ready(near.sender.writable(), &sleeper));
    assert!(far.receiver.try_receive().is_ready());
    assert_eq!(sleeper.wakes(), 1);
    fill(&near.sender);
    assert!(!is_ready(near.sender.writable(), &sleeper));
    far.receiver.close();
    assert_eq!(sleeper.wakes(), 2);
    assert!(is_ready(near.sender.writable(), &sleeper));
}
