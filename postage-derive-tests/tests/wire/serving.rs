//! Python asks, we answer.

use serde_json::{Value, json};

use crate::python::call;
use crate::studio::{Studio, queue};
use crate::world::World;

fn success(value: impl Into<Value>) -> Value {
    json!({"type": "success", "value": value.into(), "message": ""})
}

#[tokio::test]
async fn a_call_by_names_in_any_order_is_answered_and_a_correlation_id_returned() {
    let world = World::new().await;
    let (_serving, _) = Studio::serve(&world, queue(&world)).await;
    let [plain, correlated, any_order] = call(&world, ["success", "correlated", "any_order"]).await;
    assert_eq!(plain.content(), &success(40));
    assert_eq!(correlated.content(), &success(6));
    assert_eq!(any_order.content(), &success(20));
}

#[tokio::test]
async fn a_bare_value_is_taken_by_a_handler_of_one_parameter() {
    let world = World::new().await;
    let (_serving, _) = Studio::serve(&world, queue(&world)).await;
    let [text, number] = call(&world, ["bare_text", "bare_number"]).await;
    assert_eq!(text.content(), &success("café \"x\""));
    assert_eq!(number.content(), &success(70));
}

#[tokio::test]
async fn a_documented_error_travels_as_a_null_value_and_its_text() {
    let world = World::new().await;
    let (_serving, _) = Studio::serve(&world, queue(&world)).await;
    let [refused] = call(&world, ["documented_error"]).await;
    let error = json!({"type": "error", "value": null, "message": "only 100 left"});
    assert_eq!(refused.content(), &error);
    let class = json!({"module": "wire::studio", "class": "TooMuch"});
    let reserved = json!({"error": {"left": 100}, "exception": class});
    assert_eq!(refused.replies[0]["_reserved"], reserved);
}

#[tokio::test]
async fn an_exception_with_all_that_it_can_say_is_a_name_and_a_text_to_python() {
    let world = World::new().await;
    let (_serving, _) = Studio::serve(&world, queue(&world)).await;
    let [raised] = call(&world, ["raised"]).await;
    assert_eq!(raised.exception(), ("DryBrush", "the brush is dry"));
    // The rest is where Python does not look.
    let details = json!({
        "module": "studio::tools", "trace": ["no water"], "state": {"hours": 2}, "args": ["red"],
    });
    assert_eq!(raised.replies[0]["_reserved"], json!({"exception": details}));
}

#[tokio::test]
async fn nothing_is_reserved_in_a_reply_that_has_nothing_to_add() {
    let world = World::new().await;
    let (_serving, _) = Studio::serve(&world, queue(&world)).await;
    for seen in call(&world, ["success", "panic", "unknown_command", "not_json"]).await {
        assert_eq!(seen.replies[0]["_reserved"], json!({}), "{}", seen.case);
    }
}

#[tokio::test]
async fn a_handlers_panic_is_an_exception_reply() {
    let world = World::new().await;
    let (_serving, _) = Studio::serve(&world, queue(&world)).await;
    let [panicked] = call(&world, ["panic"]).await;
    assert_eq!(panicked.exception(), ("Panic", "the studio is on fire"));
}

#[tokio::test]
async fn a_handler_that_replied_goes_on_working() {
    let world = World::new().await;
    let (_serving, mut heard) = Studio::serve(&world, queue(&world)).await;
    let [early] = call(&world, ["early"]).await;
    assert_eq!(early.content(), &success(2000));
    assert_eq!(heard.recv().await, Some(json!({"after the reply": 1999})));
}

#[tokio::test]
async fn a_handler_that_reports_its_progress_gives_python_one_reply() {
    let world = World::new().await;
    let (_serving, _) = Studio::serve(&world, queue(&world)).await;
    let [printed] = call(&world, ["progress"]).await;
    assert_eq!(printed.content(), &success(300));
}

/// The script looks at the properties of each reply.
#[tokio::test]
async fn an_answer_lasts_and_has_the_callers_data_where_that_is_asked_for_and_nowhere_else() {
    let world = World::new().await;
    let (_serving, _) = Studio::serve(&world, queue(&world)).await;
    let [lasting, with_data] = call(&world, ["lasting", "with_data"]).await;
    assert_eq!(lasting.content(), &success(40));
    assert_eq!(with_data.content(), &success(1));
}

#[tokio::test]
async fn a_rejected_call_is_one_exception_to_python() {
    let world = World::new().await;
    let (_serving, _) = Studio::serve(&world, queue(&world)).await;
    let [rejected] = call(&world, ["rejected"]).await;
    assert_eq!(rejected.exception(), ("Rejected", "there is nothing to print"));
}

#[tokio::test]
async fn a_handler_that_is_a_struct_answers_with_access_to_the_processor() {
    let world = World::new().await;
    let (_serving, mut heard) = Studio::serve(&world, queue(&world)).await;
    let [resized] = call(&world, ["class_handler"]).await;
    assert_eq!(resized.content(), &success([20, 8].map(Value::from).to_vec()));
    assert_eq!(heard.recv().await, Some(json!({"resized": 10})));
}

#[tokio::test]
async fn a_handler_of_the_full_body_sees_frame_and_content() {
    let world = World::new().await;
    let (_serving, _) = Studio::serve(&world, queue(&world)).await;
    let [described] = call(&world, ["full_body"]).await;
    let whole = json!(["command", "describe", "ui", "4021", {"parameters": [1, 2]}]);
    assert_eq!(described.content(), &success(whole));
}

#[tokio::test]
async fn a_call_that_nobody_handles_is_answered_by_unknown_command_with_what_there_is() {
    let world = World::new().await;
    let (_serving, _) = Studio::serve(&world, queue(&world)).await;
    let [command, kind] = call(&world, ["unknown_command", "unknown_type"]).await;
    let (name, text) = command.exception();
    assert_eq!(name, "UnknownCommand");
    assert!(text.contains("`dance`") && text.contains("withdraw"), "{text}");
    let (name, text) = kind.exception();
    assert_eq!(name, "UnknownCommand");
    assert!(text.contains("query `area`"), "{text}");
}

#[tokio::test]
async fn parameters_that_do_not_fit_are_an_exception_that_names_the_parameter() {
    let world = World::new().await;
    let (_serving, _) = Studio::serve(&world, queue(&world)).await;
    for seen in call(&world, ["missing_parameter", "wrong_parameter"]).await {
        let (name, text) = seen.exception();
        assert_eq!(name, "InvalidParameters", "{}", seen.case);
        assert!(text.contains("`h`"), "{}: {text}", seen.case);
    }
}

#[tokio::test]
async fn a_content_that_is_no_map_is_an_exception_that_says_so() {
    let world = World::new().await;
    let (_serving, _) = Studio::serve(&world, queue(&world)).await;
    let [list] = call(&world, ["content_is_a_list"]).await;
    let (name, text) = list.exception();
    assert_eq!(name, "InvalidParameters");
    assert!(text.contains("the content") && text.contains("an object"), "{text}");
}

#[tokio::test]
async fn a_request_without_version_fingerprint_or_reserved_is_served() {
    let world = World::new().await;
    let (_serving, _) = Studio::serve(&world, queue(&world)).await;
    let [minimal, number, odd, untyped] =
        call(&world, ["minimal", "version_number", "odd_frame", "no_content_type"]).await;
    assert_eq!(minimal.content(), &success(9));
    assert_eq!(number.content(), &success(12));
    assert_eq!(odd.content(), &success(15));
    assert_eq!(untyped.content(), &success(18));
}

#[tokio::test]
async fn a_call_that_asks_for_no_reply_is_run_and_answered_to_nobody() {
    let world = World::new().await;
    let (_serving, _) = Studio::serve(&world, queue(&world)).await;
    let [silent] = call(&world, ["nobody_to_answer"]).await;
    assert!(silent.replies.is_empty(), "{silent:?}");
}
