//! The state machine is a table; here is the same table, written down a second time.

#[path = "../../src/filter/state.rs"]
#[allow(unreachable_pub, reason = "public in the driver")]
mod subject;

use subject::{Event, State};

const STATES: [State; 5] =
    [State::Attaching, State::Paused, State::Restarting, State::Running, State::Pausing];

const EVENTS: [Event; 6] = [
    Event::Attached,
    Event::Restart,
    Event::Restarted,
    Event::RestartFailed,
    Event::Pause,
    Event::Drained,
];

#[test]
fn a_module_changes_its_state_as_ndis_documents_and_in_no_other_way() {
    let legal = [
        (State::Attaching, Event::Attached, State::Paused),
        (State::Paused, Event::Restart, State::Restarting),
        (State::Restarting, Event::Restarted, State::Running),
        (State::Restarting, Event::RestartFailed, State::Paused),
        (State::Running, Event::Pause, State::Pausing),
        (State::Pausing, Event::Drained, State::Paused),
    ];
    for state in STATES {
        for event in EVENTS {
            let expected = legal
                .iter()
                .find(|(from, on, _)| (*from, *on) == (state, event))
                .map(|(_, _, to)| *to);
            assert_eq!(state.on(event), expected, "{state:?} on {event:?}");
        }
    }
}
