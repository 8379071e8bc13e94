//! The messages that were handled, in their order, and found by their ids.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use hashbrown::HashTable;
use tokio::time::Instant;

use super::Answer;

/// What a handled message takes beside its id and its answer, in bytes: its places in two
/// collections and what is allocated for it, as measured with 100,000 of them.
pub(super) const PLACE: usize = 160;

/// The ids and answers of many messages stand in one block of this many bytes, which is freed with
/// the last of them: memory that was allocated for each would be cold when it is freed.
const BLOCK: usize = 64 * 1024;

/// A larger answer is kept as it is. A smaller one is copied, and gives up its spare room.
const LARGEST_COPY: usize = 4 * 1024;

/// Each message is numbered. What is looked at for a new one is the index, which is small; the
/// messages themselves are only passed through, from one end to the other.
#[derive(Debug, Default)]
pub(super) struct Handled {
    index: HashTable<u32>,
    /// The oldest first.
    messages: VecDeque<Message>,
    /// The number of the oldest.
    oldest: u32,
    bytes: usize,
    /// What is free of the newest block.
    room: BytesMut,
}

#[derive(Debug)]
struct Message {
    since: Instant,
    hash: u64,
    id: Bytes,
    answer: Option<Answer>,
}

impl Handled {
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// How many bytes they take.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// What was answered to the message of this id, if it is here.
    pub(super) fn answer(&self, hash: u64, id: &str) -> Option<&Option<Answer>> {
        let number = self.index.find(hash, |number| self.is(*number, hash, id))?;
        self.messages.get(self.place(*number)).map(|message| &message.answer)
    }

    /// Adds one, or changes the answer of one that is here.
    pub(super) fn add(&mut self, now: Instant, hash: u64, id: &str, answer: Option<Answer>) {
        let answer = answer.map(|answer| self.kept(answer));
        self.bytes += size(id, answer.as_ref());
        let known = self.index.find(hash, |number| self.is(*number, hash, id)).copied();
        if let Some(place) = known.map(|number| self.place(number))
            && let Some(message) = self.messages.get_mut(place)
        {
            self.bytes -= size(id, message.answer.as_ref());
            message.answer = answer;
            return;
        }
        let id = self.copied(id.as_bytes());
        let number = self.oldest.wrapping_add(self.messages.len() as u32);
        self.messages.push_back(Message { since: now, hash, id, answer });
        let Self { index, messages, oldest, .. } = self;
        let hash_of = |number: &u32| {
            messages.get(number.wrapping_sub(*oldest) as usize).map_or(0, |message| message.hash)
        };
        index.insert_unique(hash, number, hash_of);
    }

    pub(super) fn forget_old(&mut self, now: Instant, age: Duration) {
        while self.messages.front().is_some_and(|one| now.duration_since(one.since) >= age) {
            self.forget_oldest();
        }
    }

    pub(super) fn forget_oldest(&mut self) {
        let Some(Message { hash, id, answer, .. }) = self.messages.pop_front() else { return };
        self.bytes -= size_of_parts(id.len(), answer.as_ref());
        if let Ok(entry) = self.index.find_entry(hash, |number| *number == self.oldest) {
            entry.remove();
        }
        self.oldest = self.oldest.wrapping_add(1);
    }

    fn is(&self, number: u32, hash: u64, id: &str) -> bool {
        let message = self.messages.get(self.place(number));
        message.is_some_and(|message| message.hash == hash && message.id == id.as_bytes())
    }

    const fn place(&self, number: u32) -> usize {
        number.wrapping_sub(self.oldest) as usize
    }

    /// The answer as it is kept.
    fn kept(&mut self, answer: Answer) -> Answer {
        if answer.body.len() > LARGEST_COPY {
            return answer;
        }
        Answer { body: self.copied(&answer.body), ..answer }
    }

    fn copied(&mut self, bytes: &[u8]) -> Bytes {
        if self.room.capacity() < bytes.len() {
            self.room = BytesMut::with_capacity(BLOCK.max(bytes.len()));
        }
        self.room.put_slice(bytes);
        self.room.split().freeze()
    }
}

/// How many bytes a message takes.
pub(super) fn size(id: &str, answer: Option<&Answer>) -> usize {
    size_of_parts(id.len(), answer)
}

fn size_of_parts(id: usize, answer: Option<&Answer>) -> usize {
    let answer = answer.map_or(0, |answer| answer.content_type.len() + answer.body.len());
    PLACE + id + answer
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Add(u8, u8),
        Forget,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let add = (0..20_u8, any::<u8>()).prop_map(|(id, answer)| Step::Add(id, answer));
        prop::collection::vec(prop_oneof![3 => add, 2 => Just(Step::Forget)], 0..200)
    }

    fn answer(byte: u8) -> Option<Answer> {
        let body = Bytes::from(vec![byte; usize::from(byte)]);
        Some(Answer { content_type: "a".into(), body })
    }

    proptest! {
        #[test]
        fn it_knows_what_a_list_would_whatever_the_hashes_and_over_the_end_of_the_numbers(
            steps in steps(),
            hashes in 1..8_u64,
        ) {
            let mut handled = Handled { oldest: u32::MAX - 20, ..Handled::default() };
            let mut list: VecDeque<(u8, u8)> = VecDeque::new();
            for step in steps {
                match step {
                    Step::Add(id, byte) => {
                        let hash = u64::from(id) % hashes;
                        handled.add(Instant::now(), hash, &id.to_string(), answer(byte));
                        match list.iter_mut().find(|(known, _)| *known == id) {
                            Some(known) => known.1 = byte,
                            None => list.push_back((id, byte)),
                        }
                    }
                    Step::Forget => {
                        handled.forget_oldest();
                        list.pop_front();
                    }
                }
                for id in 0..20 {
                    let known = list.iter().find(|(known, _)| *known == id);
                    let expected = known.map(|(_, byte)| answer(*byte));
                    let found = handled.answer(u64::from(id) % hashes, &id.to_string());
                    prop_assert_eq!(found, expected.as_ref());
                }
                let bytes = list.iter().map(|(id, byte)| size(&id.to_string(), answer(*byte).as_ref()));
                prop_assert_eq!((handled.len(), handled.bytes()), (list.len(), bytes.sum()));
            }
        }
    }
}
