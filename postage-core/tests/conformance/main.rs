//! What every transport promises, written once and run on each of them.
//!
//! RabbitMQ is the referee of the in-process broker: a case that holds on one holds on the other.
//! The fault layer is held to it where it has no faults to make.
//! The AMQP half needs a broker at `POSTAGE_TEST_AMQP_URL`; without one it fails.

// All of this crate is a test, its helpers too.
#![allow(clippy::expect_used, clippy::panic)]

mod connections;
mod consumers;
mod dead_letters;
mod exchanges;
mod expiry;
mod publishing;
mod queues;
#[cfg(feature = "amqp")]
mod referee;
mod settling;
mod world;

/// Makes a test of each case for each transport.
macro_rules! conformance {
    ($($room:ident { $($case:ident,)* })*) => {
        mod memory {
            $(mod $room {
                $(#[tokio::test]
                async fn $case() {
                    crate::$room::$case(crate::world::World::memory()).await;
                })*
            })*
        }

        #[cfg(feature = "faults")]
        mod faultless {
            $(mod $room {
                $(#[tokio::test]
                async fn $case() {
                    crate::$room::$case(crate::world::World::faultless()).await;
                })*
            })*
        }

        #[cfg(feature = "amqp")]
        mod amqp {
            $(mod $room {
                $(#[tokio::test]
                async fn $case() {
                    crate::$room::$case(crate::world::World::amqp()).await;
                })*
            })*
        }
    };
}

conformance! {
    exchanges {
        a_direct_exchange_routes_by_the_exact_key,
        a_topic_exchange_routes_by_pattern,
        a_fanout_exchange_copies_to_every_queue,
        a_headers_exchange_matches_all_or_any_of_the_bindings_headers,
        an_unknown_way_to_match_headers_is_refused,
        the_default_exchange_routes_to_the_queue_that_the_key_names,
        the_exchanges_that_every_broker_has_are_there,
        an_alternate_exchange_gets_what_is_not_routed,
        an_alternate_exchange_that_is_missing_leaves_a_message_unroutable,
        two_matching_bindings_of_a_queue_make_one_copy,
        an_exchange_is_declared_again_only_as_it_is,
        a_passive_exchange_is_only_looked_for,
        a_kind_that_no_plugin_brings_is_refused,
        a_reserved_exchange_name_is_refused,
        an_internal_exchange_takes_nothing_from_publishers,
        an_auto_delete_exchange_goes_with_its_last_binding,
        binding_and_unbinding_take_effect_while_consuming,
        binding_what_is_missing_is_refused,
        unbinding_what_was_never_bound_changes_nothing,
        names_and_keys_end_at_255_bytes,
        arguments_nested_deeper_than_64_are_refused,
    }
    queues {
        a_queue_is_declared_again_only_as_it_is,
        a_passive_queue_is_only_looked_for,
        arguments_that_make_no_sense_are_refused,
        a_reserved_queue_name_is_refused,
        the_broker_names_a_queue_that_has_no_name,
        an_exclusive_queue_is_locked_to_other_connections,
        an_exclusive_queue_goes_with_its_connection,
        an_auto_delete_queue_goes_with_its_last_consumer,
        an_auto_delete_queue_goes_with_its_consumers_connection,
        deleting_a_queue_deletes_what_is_in_it,
        a_queue_that_nobody_uses_expires,
        a_full_queue_drops_its_oldest,
        a_full_queue_that_refuses_does_not_confirm,
        one_full_queue_of_two_denies_the_confirm_and_the_other_has_the_message,
        a_requeued_message_counts_against_the_limit,
        a_queue_with_priorities_serves_the_highest_first,
        a_quorum_queue_keeps_and_hands_out_messages,
    }
    consumers {
        competing_consumers_are_served_in_turn,
        a_consumer_with_prefetch_one_gets_one_at_a_time,
        a_consumer_with_prefetch_n_gets_n_at_once,
        prefetch_zero_is_no_bound,
        a_bounded_consumer_empties_the_queue_as_it_acknowledges,
        consuming_a_missing_queue_is_refused,
        an_exclusive_consumer_shares_with_nobody,
        deleting_a_queue_ends_its_consumers,
        a_cancelled_subscription_still_hands_out_what_had_arrived,
        a_dropped_subscription_gives_back_what_it_had_not_handed_out,
        an_automatic_acknowledgement_comes_with_the_delivery,
        one_active_consumer_is_followed_by_the_next,
        a_dropped_wait_loses_no_delivery,
        a_consumer_that_is_given_up_while_it_begins_takes_no_message,
    }
    settling {
        an_acknowledged_message_is_forgotten,
        a_rejected_message_is_dropped,
        a_requeued_message_comes_again_and_says_so,
        a_requeued_message_takes_its_old_place,
        a_dropped_delivery_goes_back,
        deliveries_are_settled_in_any_order_and_from_any_task,
        settling_after_the_queue_was_deleted_harms_nothing,
    }
    expiry {
        a_queues_messages_expire,
        a_message_expires_by_its_own_time,
        the_shorter_of_two_times_holds,
        only_the_head_of_a_queue_expires,
        a_message_without_time_reaches_only_who_waits_for_it,
        a_requeued_message_keeps_its_deadline,
        a_time_longer_than_the_wire_can_say_is_no_limit,
    }
    dead_letters {
        a_rejected_message_says_where_it_comes_from_and_why,
        an_expired_message_says_so_and_expires_no_more,
        a_message_that_is_pushed_out_says_so,
        a_message_refused_by_a_full_queue_can_be_dead_lettered,
        a_dead_letter_exchange_that_is_missing_drops_the_message,
        a_retry_by_reject_and_wait_counts_its_rounds,
        a_message_that_comes_round_by_itself_is_dropped,
        a_rejected_message_may_come_round,
        a_quorum_queue_gives_up_after_its_delivery_limit,
    }
    publishing {
        a_mandatory_message_that_no_queue_takes_is_an_error,
        a_mandatory_message_without_an_id_is_refused,
        returned_messages_are_told_from_those_that_were_taken,
        publishing_to_a_missing_exchange_harms_no_other_publisher,
        a_thousand_confirmed_messages_of_several_publishers_arrive,
        an_unconfirmed_message_arrives,
        every_property_arrives_as_it_was_sent,
        a_message_without_properties_arrives_without,
        bodies_of_every_size_and_kind_arrive_whole,
        headers_nested_deeper_than_64_or_over_100_kib_are_refused_and_harm_nobody,
    }
    connections {
        after_close_everything_is_disconnected,
        closing_twice_is_closing_once,
        a_waiting_consumer_is_told_that_its_connection_was_closed,
        what_a_closed_connection_had_out_is_delivered_again,
        two_connections_see_the_same_topology,
    }
}
