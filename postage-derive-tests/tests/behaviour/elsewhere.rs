//! Calls whose answer nobody waits for where they are made: it goes to nobody, to reply handlers, or
//! to whoever has the ticket.

use std::time::Duration;

use futures_util::future::poll_immediate;
use futures_util::{StreamExt, stream};
use postage_core::prelude::*;
use postage_core::transport::Properties;
use postage_core::{Event, Overflow, Peer, RecentMessages, SendError, ServeError, StoredTicket};
use serde_json::{Value, json};

use crate::world::{
    Anywhere, Ear, Gate, Place, Voice, World, consume, declare, exists, left_in, line, next,
    nothing_more, publish, seen, within,
};

/// What one may ask of the mill.
#[producer(exchange = Anywhere, key = "unused")]
trait Mill {
    /// Grinds so many sacks, of which it has ten.
    #[rpc]
    async fn grind(&self, sacks: u32) -> Result<u32, String>;

    /// Has another name on the wire.
    #[rpc(name = "sieve_flour", cancellable)]
    async fn sieve(&self, sacks: u32) -> u32;
}

struct Miller {
    voice: Voice,
    gate: Option<Gate>,
}

#[message_processor]
impl Mill for Miller {
    async fn grind(&self, #[context] cx: &Context, sacks: u32) -> Result<u32, String> {
        self.voice.say(format!("grinds {sacks}"));
        cx.progress(1, u64::from(sacks), "stones turn");
        if let Some(gate) = &self.gate {
            gate.pass().await;
        }
        if sacks == 0 {
            return cx.reject_call("nothing to grind").await;
        }
        if sacks > 10 { Err(format!("{sacks} sacks are too many")) } else { Ok(sacks * 2) }
    }

    async fn sieve(&self, sacks: u32) -> u32 {
        self.voice.say(format!("sieves {sacks}"));
        sacks
    }

    /// Passes over what becomes of its answer.
    #[rpc_handler]
    async fn early(&self, #[reply] answer: Reply<'_, u32>, sacks: u32) {
        drop(answer.send(sacks).await);
    }
}

/// Who hears what became of the calls.
struct Baker {
    voice: Voice,
}

#[message_processor]
impl Baker {
    #[reply_handler(of = MillProducer::grind)]
    async fn ground(&self, #[context] cx: &Context, answer: Result<u32, CallError<String>>) {
        let whose = cx.data::<String>().unwrap_or_else(|_| "nobody".to_owned());
        assert!(cx.correlation_id().is_some());
        match answer {
            Ok(sacks) => self.voice.say(format!("{whose}: {sacks}")),
            Err(CallError::Documented(why)) => self.voice.say(format!("{whose}: no, {why}")),
            Err(fault) => self.voice.say(format!("{whose}: {fault}")),
        }
    }

    #[reply_handler(of = MillProducer::sieve)]
    fn sieved(&self, answer: Result<u32, CallFault>) {
        self.voice.say(format!("sieved {}", answer.unwrap()));
    }
}

/// Who hears of the statuses too.
struct Watcher {
    voice: Voice,
}

#[message_processor(concurrency = 1)]
impl Watcher {
    #[reply_handler("grind")]
    async fn watched(&self, event: Event<u32, CallError<String>>) {
        match event {
            Event::Accepted => self.voice.say("accepted"),
            Event::Started => self.voice.say("started"),
            Event::Progress(progress) => {
                let (details, whose) = (progress.details::<String>(), progress.data::<String>());
                self.voice.say(format!("{} for {}", details.unwrap(), whose.unwrap()));
            }
            Event::Ended(answer) => self.voice.say(format!("ended {answer:?}")),
            other => panic!("{other:?}"),
        }
    }
}

on_every_broker! {
    a_forgotten_call_is_done_and_answered_to_nobody,
    an_answer_reaches_the_reply_handler_of_its_call_with_the_callers_data,
    documented_errors_exceptions_and_rejections_reach_the_reply_handler,
    an_answer_waits_in_its_queue_until_somebody_handles_it,
    the_statuses_come_before_the_answer_and_in_their_order,
    who_did_not_ask_for_statuses_gets_the_answer_alone,
    a_request_and_its_answer_have_the_properties_that_are_promised,
    a_service_that_comes_later_answers_and_a_request_keeps_its_deadline,
    an_answer_that_comes_twice_is_handled_once,
    a_request_that_comes_twice_is_done_once_and_answered_again,
    a_request_whose_answer_no_queue_takes_is_a_dead_letter_and_not_lost,
    nor_is_one_whose_exception_or_early_answer_no_queue_takes,
    a_service_has_one_reply_handler_for_a_command,
    a_call_elsewhere_is_as_persistent_as_it_says,
    an_answer_to_a_discarded_ticket_is_no_dead_letter,
    an_answer_that_no_reply_handler_takes_is_a_dead_letter,
    a_stored_ticket_gives_its_answer_again_until_it_is_discarded,
    a_stored_ticket_waits_for_an_answer_that_is_still_to_come,
    a_ticket_that_is_worth_nothing_says_so,
    a_call_under_way_goes_nowhere_else,
    many_calls_at_once_give_their_answers_as_they_come,
    a_call_elsewhere_passes_the_layers_of_its_producer,
}

struct Here {
    broker: Broker,
    place: Place,
    answers: Place,
    mill: MillProducer,
    miller: Ear,
    voice: Voice,
}

async fn here(world: &World) -> Here {
    let broker = world.broker().await;
    let (place, answers) = (world.place("mill"), world.place("answers"));
    let mill = MillProducer::new(&broker, Fingerprint::new("bakery", "test"));
    let mill = mill.with(|producer| producer.eks(place.eks()));
    let (voice, miller) = line();
    Here { broker, place, answers, mill, miller, voice }
}

impl Here {
    async fn serve(&self) -> Serving {
        let miller = Miller { voice: self.voice.clone(), gate: None };
        self.place.serve(&self.broker, miller).await
    }

    /// Serves who hears of the answers.
    async fn hear<P: MessageProcessor>(&self, listener: P) -> Serving {
        self.answers.serve(&self.broker, listener).await
    }

    fn queue(&self) -> Queue {
        self.answers.queue.clone()
    }
}

async fn a_forgotten_call_is_done_and_answered_to_nobody(world: World) {
    let mut here = here(&world).await;
    let mut asked = here.place.consume(&here.broker).await;
    within("the send", here.mill.grind(3).forget()).await.expect("it is sent");
    let request = seen(&mut asked).await;
    assert_eq!(request.json()["category"], "rpc");
    let Properties { reply_to, expiration, persistent, .. } = request.properties.clone();
    assert_eq!((reply_to, expiration, persistent), (None, None, true));
    // Python Postage replies always, and to no address it cannot.
    let to_python = here.mill.grind(3).peer(Peer::Python).forget();
    within("the send", to_python).await.expect("it is sent");
    let reply_to = seen(&mut asked).await.properties.reply_to;
    assert_eq!(reply_to.as_deref(), Some("postage.nobody"));
    drop(asked);

    let _miller = here.serve().await;
    within("the send", here.mill.grind(4).forget()).await.expect("it is sent");
    within("the send", here.mill.grind(40).forget()).await.expect("it is sent");
    assert_eq!([here.miller.hears().await, here.miller.hears().await].len(), 2);
    // Both are settled before this is answered, since neither failed.
    assert_eq!(within("an answer", here.mill.grind(5)).await.unwrap(), 10);
    assert_eq!(left_in(&here.broker, &here.place.dead).await, [""; 0]);
}

async fn an_answer_reaches_the_reply_handler_of_its_call_with_the_callers_data(world: World) {
    let here = here(&world).await;
    let (voice, mut baker) = line();
    let _baker = here.hear(Baker { voice }).await;
    let _miller = here.serve().await;
    let ground = here.mill.grind(3).data("Ann").answer_to(here.queue());
    let id = within("the send", ground).await.expect("it is sent");
    assert_eq!(id.len(), 36);
    assert_eq!(baker.hears().await, "Ann: 6");
    let sieved = here.mill.sieve(8).answer_to(here.queue());
    within("the send", sieved).await.expect("it is sent");
    assert_eq!(baker.hears().await, "sieved 8");
}

async fn documented_errors_exceptions_and_rejections_reach_the_reply_handler(world: World) {
    let here = here(&world).await;
    let (voice, mut baker) = line();
    let _baker = here.hear(Baker { voice }).await;
    let _miller = here.serve().await;
    let refused = here.mill.grind(11).answer_to(here.queue());
    within("the send", refused).await.expect("it is sent");
    assert_eq!(baker.hears().await, "nobody: no, 11 sacks are too many");
    let rejected = here.mill.grind(0).answer_to(here.queue());
    within("the send", rejected).await.expect("it is sent");
    assert_eq!(baker.hears().await, "nobody: the service rejected the call: nothing to grind");
    let wrong = here.mill.producer().rpc::<u32>("grind", "many").answer_to(here.queue());
    within("the send", wrong).await.expect("it is sent");
    let raised = baker.hears().await;
    assert!(raised.starts_with("nobody: the service raised InvalidParameters"), "{raised}");
}

async fn an_answer_waits_in_its_queue_until_somebody_handles_it(world: World) {
    let mut here = here(&world).await;
    let _miller = here.serve().await;
    declare(&here.broker, &here.answers.dead).await;
    // The caller goes, its connection too.
    let caller = world.broker().await;
    let mill = MillProducer::new(&caller, Fingerprint::new("bakery", "test"));
    let mill = mill.with(|producer| producer.eks(here.place.eks()));
    within("the send", mill.grind(2).data("Bo").answer_to(here.queue())).await.expect("it is sent");
    within("the end of the connection", caller.close()).await.expect("it ends well");
    assert_eq!(here.miller.hears().await, "grinds 2");

    let (voice, mut baker) = line();
    let _baker = here.hear(Baker { voice }).await;
    assert_eq!(baker.hears().await, "Bo: 4");
}

async fn the_statuses_come_before_the_answer_and_in_their_order(world: World) {
    let here = here(&world).await;
    let (voice, mut watcher) = line();
    let _watcher = here.hear(Watcher { voice }).await;
    let _miller = here.serve().await;
    let call = here.mill.grind(2).data("Cy").answer_to(here.queue()).with_statuses();
    within("the send", call).await.expect("it is sent");
    for word in ["accepted", "started", "stones turn for Cy", "ended Ok(4)"] {
        assert_eq!(watcher.hears().await, word);
    }
}

async fn who_did_not_ask_for_statuses_gets_the_answer_alone(world: World) {
    let here = here(&world).await;
    let _miller = here.serve().await;
    declare(&here.broker, &here.answers.dead).await;
    declare(&here.broker, &here.queue()).await;
    let mut answers = consume(&here.broker, here.queue().name()).await;
    let call = here.mill.grind(2).heartbeat(Duration::from_millis(100)).answer_to(here.queue());
    within("the send", call).await.expect("it is sent");
    assert_eq!(seen(&mut answers).await.json()["content"]["value"], 4);
    nothing_more(&here.broker, &here.queue(), &mut answers).await;
}

async fn a_request_and_its_answer_have_the_properties_that_are_promised(world: World) {
    let here = here(&world).await;
    let mut asked = here.place.consume(&here.broker).await;
    declare(&here.broker, &here.answers.dead).await;
    let call = here.mill.sieve(3).data(json!({"cart": 7})).answer_to(here.queue());
    let id = within("the send", call).await.expect("it is sent");
    let request = seen(&mut asked).await;
    let text = |of: &Properties, header: &str| {
        of.header(header).and_then(|value| value.as_str().map(str::to_owned))
    };
    let properties = &request.properties;
    assert_eq!(properties.message_id.as_deref(), Some(&*id));
    assert_eq!(properties.correlation_id.as_deref(), Some(&*id));
    assert_eq!(properties.reply_to.as_deref(), Some(here.queue().name()));
    assert_eq!((properties.persistent, properties.expiration), (true, None));
    assert_eq!(text(properties, "postage-answer").as_deref(), Some("sieve_flour"));
    assert_eq!(text(properties, "postage-data").as_deref(), Some(r#"{"cart":7}"#));
    assert!(properties.header("postage-statuses").is_none());
    assert!(properties.header("postage-deadline").is_none());
    drop(asked);

    let _miller = here.serve().await;
    let mut answers = consume(&here.broker, here.queue().name()).await;
    let call = here.mill.sieve(3).data(json!({"cart": 7})).answer_to(here.queue());
    let id = within("the send", call).await.expect("it is sent");
    let answer = seen(&mut answers).await;
    let properties = &answer.properties;
    assert_eq!(properties.correlation_id.as_deref(), Some(&*id));
    let own = properties.message_id.clone().expect("it has an id of its own");
    assert!(own.starts_with(&format!("{id}/")), "{own}");
    assert_eq!((properties.persistent, properties.expiration), (true, None));
    assert_eq!(text(properties, "postage-answer").as_deref(), Some("sieve_flour"));
    assert_eq!(text(properties, "postage-data").as_deref(), Some(r#"{"cart":7}"#));
    let content: Value = answer.json()["content"].clone();
    assert_eq!(content, json!({"type": "success", "value": 3, "message": ""}));
}

async fn a_service_that_comes_later_answers_and_a_request_keeps_its_deadline(world: World) {
    let mut here = here(&world).await;
    here.place.declare(&here.broker).await;
    let (voice, mut baker) = line();
    let _baker = here.hear(Baker { voice }).await;
    let short = here.mill.grind(1).deadline(Duration::from_secs(2)).answer_to(here.queue());
    within("the send", short).await.expect("it is sent");
    let patient = here.mill.grind(2).timeout(Duration::from_millis(1)).max_retry(0);
    within("the send", patient.answer_to(here.queue())).await.expect("it is sent");
    // The first has expired when its dead letter is here.
    let mut dead = here.place.dead_letters(&here.broker).await;
    assert_eq!(seen(&mut dead).await.parameters(), json!({"sacks": 1}));

    let _miller = here.serve().await;
    assert_eq!(here.miller.hears().await, "grinds 2");
    assert_eq!(baker.hears().await, "nobody: 4");
}

async fn an_answer_that_comes_twice_is_handled_once(world: World) {
    let here = here(&world).await;
    declare(&here.broker, &here.answers.dead).await;
    let _miller = here.serve().await;
    within("the send", here.mill.grind(3).answer_to(here.queue())).await.expect("it is sent");
    let mut answers = consume(&here.broker, here.queue().name()).await;
    let answer = seen(&mut answers).await;
    drop(answers);

    let (voice, mut baker) = line();
    let _baker = here.hear(Baker { voice }).await;
    for _ in 0..2 {
        let properties = answer.properties.clone();
        publish(&here.broker, &here.answers, properties, answer.body.clone()).await;
    }
    assert_eq!(baker.hears().await, "nobody: 6");
    within("the send", here.mill.sieve(1).answer_to(here.queue())).await.expect("it is sent");
    assert_eq!(baker.hears().await, "sieved 1", "the second copy was passed over");
}

async fn a_request_that_comes_twice_is_done_once_and_answered_again(world: World) {
    let mut here = here(&world).await;
    let mut asked = here.place.consume(&here.broker).await;
    declare(&here.broker, &here.answers.dead).await;
    within("the send", here.mill.grind(3).answer_to(here.queue())).await.expect("it is sent");
    let request = seen(&mut asked).await;
    drop(asked);
    let _miller = here.serve().await;
    let mut answers = consume(&here.broker, here.queue().name()).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let properties = request.properties.clone();
        publish(&here.broker, &here.place, properties, request.body.clone()).await;
        ids.push(seen(&mut answers).await.properties.message_id.expect("it has an id"));
    }
    assert_eq!(ids[0], ids[1], "it is the same answer");
    assert_eq!(here.miller.hears().await, "grinds 3");
    assert_eq!(here.miller.rest(), [""; 0]);
}

async fn a_request_whose_answer_no_queue_takes_is_a_dead_letter_and_not_lost(world: World) {
    let here = here(&world).await;
    let gate = Gate::shut();
    let miller = Miller { voice: here.voice.clone(), gate: Some(gate) };
    let miller = std::sync::Arc::new(miller);
    let _miller = here.place.serve(&here.broker, std::sync::Arc::clone(&miller)).await;
    let queue = world.queue("gone");
    within("the send", here.mill.grind(3).answer_to(queue.clone())).await.expect("it is sent");
    let gone = here.broker.transport().delete_queue(queue.name());
    within("the end of the queue", gone).await.expect("it is deleted");
    miller.gate.as_ref().unwrap().open(1);
    let mut dead = here.place.dead_letters(&here.broker).await;
    let letter = seen(&mut dead).await;
    let why = letter.properties.header("postage-error").and_then(|why| why.as_str()).unwrap();
    assert!(why.contains("its answer could not be sent: no queue took"), "{why}");
    assert_eq!(letter.parameters(), json!({"sacks": 3}));
}

async fn nor_is_one_whose_exception_or_early_answer_no_queue_takes(world: World) {
    let here = here(&world).await;
    let gate = Gate::shut();
    let miller = std::sync::Arc::new(Miller { voice: here.voice.clone(), gate: Some(gate) });
    let _miller = here.place.serve(&here.broker, std::sync::Arc::clone(&miller)).await;
    let mut dead = here.place.dead_letters(&here.broker).await;
    // None of these queues is there when the answer comes: nobody declares them by hand.
    let mut request = Properties::default();
    request.set_header("postage-answer", "grind");
    request.reply_to = Some(world.name("nowhere").into());
    let call = |name: &str, sacks: u32| {
        format!(
            r#"{{"type":"command","name":"{name}","category":"rpc","content":{{"parameters":{{"sacks":{sacks}}}}}}}"#
        )
    };
    let mut strange = request.clone();
    strange.set_header("postage-version", "3");
    strange.set_header("postage-signature", "sacks:str->u32");
    for (properties, body) in [
        (&request, call("mow", 1)),
        (&strange, call("grind", 2)),
        (&request, call("early", 3)),
        (&request, call("grind", 0)),
    ] {
        miller.gate.as_ref().unwrap().open(1);
        publish(&here.broker, &here.place, properties.clone(), body).await;
        let letter = seen(&mut dead).await;
        let why = letter.properties.header("postage-error").and_then(|why| why.as_str()).unwrap();
        assert!(why.contains("its answer could not be sent: no queue took"), "{why}");
    }
}

async fn a_service_has_one_reply_handler_for_a_command(world: World) {
    let here = here(&world).await;
    let (voice, _ear) = line();
    let both = here.broker.serve(Baker { voice: voice.clone() }).and(Watcher { voice });
    let refused = within("the refusal", both.queue(here.queue()).into_future()).await.unwrap_err();
    assert!(matches!(&refused, ServeError::TwoReplyHandlers { name: "grind", .. }), "{refused:?}");
    assert!(refused.to_string().contains("a queue of its own"), "{refused}");
}

async fn a_call_elsewhere_is_as_persistent_as_it_says(world: World) {
    let here = here(&world).await;
    let mut asked = here.place.consume(&here.broker).await;
    let passing = here.mill.grind(1).persistent(false).answer_to(here.queue());
    within("the send", passing).await.expect("it is sent");
    assert!(!seen(&mut asked).await.properties.persistent);
}

async fn an_answer_to_a_discarded_ticket_is_no_dead_letter(world: World) {
    let here = here(&world).await;
    let gate = Gate::shut();
    let miller = std::sync::Arc::new(Miller { voice: here.voice.clone(), gate: Some(gate) });
    let _miller = here.place.serve(&here.broker, std::sync::Arc::clone(&miller)).await;
    let stored = here.mill.grind(3).store(Duration::from_secs(60));
    let ticket = within("the send", stored).await.expect("it is sent");
    within("the end of the ticket", ticket.discard(&here.broker)).await.expect("it is discarded");
    miller.gate.as_ref().unwrap().open(2);
    // Settled one after the other, so the first is when the second is answered.
    assert_eq!(within("an answer", here.mill.grind(4)).await.unwrap(), 8);
    assert_eq!(left_in(&here.broker, &here.place.dead).await, [""; 0]);
}

async fn an_answer_that_no_reply_handler_takes_is_a_dead_letter(world: World) {
    let here = here(&world).await;
    let _miller = here.serve().await;
    let (voice, _watcher) = line();
    let _watcher = here.hear(Watcher { voice }).await;
    within("the send", here.mill.sieve(1).answer_to(here.queue())).await.expect("it is sent");
    let mut dead = here.answers.dead_letters(&here.broker).await;
    let letter = next(&mut dead).await;
    let why = letter.properties.header("postage-error").and_then(|why| why.as_str()).unwrap();
    assert_eq!(
        why,
        "`Watcher` has no reply handler for `sieve_flour`, of which this is the answer"
    );
}

async fn a_stored_ticket_gives_its_answer_again_until_it_is_discarded(world: World) {
    let here = here(&world).await;
    let _miller = here.serve().await;
    let stored = here.mill.grind(3).store(Duration::from_secs(60));
    let ticket = within("the send", stored).await.expect("it is sent");
    let text = serde_json::to_string(&ticket).unwrap();
    assert_eq!(text, format!("{:?}", ticket.id()));

    // As if by another process.
    let later = world.broker().await;
    let ticket: StoredTicket<u32, CallError<String>> = serde_json::from_str(&text).unwrap();
    for _ in 0..2 {
        assert_eq!(within("the answer", ticket.answer(&later)).await.unwrap(), 6);
    }
    let queue = format!("postage.ticket.{}", ticket.id());
    assert!(exists(&later, &queue).await);
    within("the end of the ticket", ticket.discard(&later)).await.expect("it is discarded");
    within("the end of the ticket", ticket.discard(&later)).await.expect("it is gone already");
    assert!(!exists(&later, &queue).await);

    let refused = here.mill.grind(12).store(Duration::from_secs(60));
    let refused = within("the send", refused).await.expect("it is sent");
    match within("the answer", refused.answer(&later)).await {
        Err(CallError::Documented(why)) => assert_eq!(why, "12 sacks are too many"),
        other => panic!("{other:?}"),
    }
}

async fn a_stored_ticket_waits_for_an_answer_that_is_still_to_come(world: World) {
    let mut here = here(&world).await;
    here.place.declare(&here.broker).await;
    let stored = here.mill.grind(3).store(Duration::from_secs(60));
    let ticket = within("the send", stored).await.expect("it is sent");
    let soon = ticket.answer_within(&here.broker, Duration::from_millis(1));
    assert_eq!(within("no answer", soon).await.unwrap(), None);
    let answer = tokio::spawn({
        let (ticket, broker) = (ticket.clone(), here.broker.clone());
        async move { ticket.answer(&broker).await }
    });
    let _miller = here.serve().await;
    assert_eq!(here.miller.hears().await, "grinds 3");
    assert_eq!(within("the answer", answer).await.unwrap().unwrap(), 6);
}

async fn a_ticket_that_is_worth_nothing_says_so(world: World) {
    let broker = world.broker().await;
    let ticket: StoredTicket<u32> = serde_json::from_value(json!("no-such-call")).unwrap();
    let fault = within("the end", ticket.answer(&broker)).await.unwrap_err();
    assert!(matches!(&fault, CallFault::NoTicket { id } if id == "no-such-call"), "{fault:?}");
    assert!(fault.to_string().contains("`no-such-call` is worth nothing"), "{fault}");
}

async fn a_call_under_way_goes_nowhere_else(world: World) {
    let here = here(&world).await;
    here.place.declare(&here.broker).await;
    let mut calls = [1, 2, 3].map(|sacks| here.mill.grind(sacks));
    for call in &mut calls {
        assert!(poll_immediate(call).await.is_none());
    }
    let [first, second, third] = calls;
    let errors = [
        first.forget().await.unwrap_err(),
        second.answer_to(here.queue()).await.unwrap_err(),
        third.store(Duration::from_secs(1)).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, SendError::UnderWay), "{error:?}");
    }
    let nameless = here.mill.grind(1).answer_to(Queue::server_named()).await.unwrap_err();
    assert!(nameless.to_string().contains("its queue has no name"), "{nameless}");
}

async fn many_calls_at_once_give_their_answers_as_they_come(world: World) {
    let here = here(&world).await;
    let gate = Gate::shut();
    gate.open(100);
    let miller = Miller { voice: here.voice.clone(), gate: Some(gate) };
    let _miller = here.place.serve(&here.broker, miller).await;
    let calls = (1..=100).map(|number| here.mill.grind(number % 10 + 1));
    let mut answers = stream::iter(calls).buffer_unordered(16);
    let mut sum = 0;
    while let Some(answer) = within("an answer", answers.next()).await {
        sum += answer.expect("each is answered");
    }
    assert_eq!(sum, 1_100);
}

async fn a_call_elsewhere_passes_the_layers_of_its_producer(world: World) {
    let here = here(&world).await;
    let mut asked = here.place.consume(&here.broker).await;
    let layer = tower::util::MapRequestLayer::new(|mut sending: postage_core::Sending| {
        sending.headers_mut().insert("badge", "7");
        sending
    });
    let mill = here.mill.clone().with(|producer| producer.layer(layer));
    let id = within("the send", mill.grind(1).answer_to(here.queue())).await.expect("it is sent");
    let request = seen(&mut asked).await;
    assert_eq!(request.properties.header("badge").and_then(|badge| badge.as_str()), Some("7"));
    assert_eq!(request.properties.message_id.as_deref(), Some(&*id));
}

/// A full queue refuses the answer; when it has room again, the answer is there, and the request was
/// acknowledged no sooner.
#[tokio::test]
async fn an_answer_to_a_full_queue_is_sent_when_there_is_room() {
    let world = World::rabbitmq();
    let here = here(&world).await;
    let full = world.queue("full").max_length(1).overflow(Overflow::RejectPublish);
    declare(&here.broker, &full).await;
    let status = Producer::new(&here.broker, Fingerprint::default());
    let status = status.eks([(Exchange::DEFAULT, full.name().to_owned())]);
    within("the send", status.status("in the way")).await.expect("it is sent");
    let _miller = here
        .place
        .serve_with(&here.broker, Miller { voice: here.voice.clone(), gate: None }, |serve| {
            serve.dedup(RecentMessages::default())
        })
        .await;
    let mut miller = here.miller;
    within("the send", here.mill.grind(3).answer_to(full.clone())).await.expect("it is sent");
    assert_eq!(miller.hears().await, "grinds 3");
    let mut answers = consume(&here.broker, full.name()).await;
    assert_eq!(seen(&mut answers).await.name(), "in the way");
    assert_eq!(seen(&mut answers).await.json()["content"]["value"], 6);
    assert_eq!(miller.rest(), [""; 0]);
}
