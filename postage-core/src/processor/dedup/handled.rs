//! The messages that were handled, in their order, and found by their ids.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use hashbrown::HashTable;
use tokio::time::Instant;

use super::Answer;

/// What a handled message takes beside its id and its answer, in bytes: its places in two
/// collections and what is allocated for it, as measured with 100,000 of them.
pub(super) const PLACE: usize = 130;

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
    /// The id, and the body of a small answer after it.
    text: Bytes,
    id_length: usize,
    answered: Answered,
}

/// What a message was answered.
#[derive(Debug)]
enum Answered {
    Nothing,
    /// In this content type, by the body that stands after the id.
    Small(Cow<'static, str>),
    Large(Box<Answer>),
}

impl Message {
    fn is(&self, hash: u64, id: &str) -> bool {
        self.hash == hash && self.text.get(..self.id_length) == Some(id.as_bytes())
    }

    fn answer(&self) -> Option<Answer> {
        match &self.answered {
            Answered::Nothing => None,
            Answered::Small(content_type) => Some(Answer {
                content_type: content_type.clone(),
                // As long as it lived, a part would keep the whole block.
                body: self
                    .text
                    .get(self.id_length..)
                    .map(Bytes::copy_from_slice)
                    .unwrap_or_default(),
            }),
            Answered::Large(answer) => Some(Answer::clone(answer)),
        }
    }

    /// How many bytes it takes.
    fn size(&self) -> usize {
        let beside = match &self.answered {
            Answered::Nothing => 0,
            Answered::Small(content_type) => content_type.len(),
            Answered::Large(answer) => answer.content_type.len() + answer.body.len(),
        };
        PLACE + self.text.len() + beside
    }
}

impl Handled {
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// How many bytes they take.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the message of this id is here.
    pub(super) fn has(&self, hash: u64, id: &str) -> bool {
        self.find(hash, id).is_some()
    }

    /// What was answered to the message of this id, if it is here.
    pub(super) fn answer(&self, hash: u64, id: &str) -> Option<Option<Answer>> {
        let place = self.find(hash, id)?;
        self.messages.get(place).map(Message::answer)
    }

    /// Adds one, or changes the answer of one that is here.
    pub(super) fn add(&mut self, now: Instant, hash: u64, id: &str, answer: Option<Answer>) {
        let message = self.message(now, hash, id, answer);
        self.bytes += message.size();
        let known = self.find(hash, id).and_then(|place| self.messages.get_mut(place));
        if let Some(known) = known {
            self.bytes -= known.size();
            *known = Message { since: known.since, ..message };
            return;
        }
        let number = self.oldest.wrapping_add(self.messages.len() as u32);
        self.messages.push_back(message);
        let Self { index, messages, oldest, .. } = self;
        let hash_of =
            |number: &u32| messages.get(place(*number, *oldest)).map_or(0, |message| message.hash);
        index.insert_unique(hash, number, hash_of);
    }

    pub(super) fn forget_old(&mut self, now: Instant, age: Duration) {
        while self.messages.front().is_some_and(|one| now.duration_since(one.since) >= age) {
            self.forget_oldest();
        }
    }

    pub(super) fn forget_oldest(&mut self) {
        let Some(message) = self.messages.pop_front() else { return };
        self.bytes -= message.size();
        if let Ok(entry) = self.index.find_entry(message.hash, |number| *number == self.oldest) {
            entry.remove();
        }
        self.oldest = self.oldest.wrapping_add(1);
    }

    /// The place of the message of this id, from the oldest on.
    fn find(&self, hash: u64, id: &str) -> Option<usize> {
        let place = |number: &u32| place(*number, self.oldest);
        let is =
            |number: &u32| self.messages.get(place(number)).is_some_and(|one| one.is(hash, id));
        self.index.find(hash, is).map(place)
    }

    fn message(&mut self, now: Instant, hash: u64, id: &str, answer: Option<Answer>) -> Message {
        let (body, answered) = match answer {
            None => (Bytes::new(), Answered::Nothing),
            Some(large) if large.body.len() > LARGEST_COPY => {
                (Bytes::new(), Answered::Large(Box::new(large)))
            }
            Some(Answer { content_type, body }) => (body, Answered::Small(content_type)),
        };
        let text = self.copied(id.as_bytes(), &body);
        Message { since: now, hash, text, id_length: id.len(), answered }
    }

    fn copied(&mut self, id: &[u8], body: &[u8]) -> Bytes {
        let needed = id.len() + body.len();
        if self.room.capacity() < needed {
            self.room = BytesMut::with_capacity(BLOCK.max(needed));
        }
        self.room.put_slice(id);
        self.room.put_slice(body);
        self.room.split().freeze()
    }
}

/// Where the message of this number is, from the oldest on. Numbers begin anew after the last.
const fn place(number: u32, oldest: u32) -> usize {
    number.wrapping_sub(oldest) as usize
}

/// How many bytes a message takes.
pub(super) fn size(id: &str, answer: Option<&Answer>) -> usize {
    let answer = answer.map_or(0, |answer| answer.content_type.len() + answer.body.len());
    PLACE + id.len() + answer
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
        // Some are larger than is copied.
        let body = Bytes::from(vec![byte; usize::from(byte) * LARGEST_COPY / 128]);
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
                    prop_assert_eq!(found, expected);
                }
                let bytes = list.iter().map(|(id, byte)| size(&id.to_string(), answer(*byte).as_ref()));
                prop_assert_eq!((handled.len(), handled.bytes()), (list.len(), bytes.sum()));
            }
        }
    }
}
