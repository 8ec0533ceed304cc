//! What a round does, drawn from the seed.

use crate::state::State;
use crate::world::Outage;
use std::time::Duration;

#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// The gateway is killed in this state; the broker is lost by this where it has to be.
    Kill(State, Outage),
    /// It is told to stop instead.
    Stop(State, Outage),
    /// The connections are cut, late, silent and refused, in one life of the gateway.
    Faults,
}

/// So many kills, with all of the other faults among them.
pub fn draw(random: &mut fastrand::Rng, round: usize, kills: usize) -> Vec<Step> {
    let killed = window(random, Outage::Killed);
    let stopped_for = Duration::from_millis(random.u64(1_000..4_000));
    let stopped = window(random, Outage::Stopped(stopped_for));
    let singles = kills.saturating_sub(killed.len() + stopped.len());
    // Those that are soon come to are more often.
    let deck = || State::ALL.into_iter().chain([State::Waiting, State::Rolling]);
    let wanted = std::iter::repeat_with(deck).flatten().take(singles);
    let mut parts: Vec<Vec<Step>> = wanted.map(|state| vec![Step::Kill(state, by_proxy(random))]).collect();
    parts.push(killed);
    parts.push(stopped);
    parts.push(vec![Step::Faults]);
    // Half of them a round, the other half in the next: each has a life with a comparison of counters, which takes
    // longer than a kill.
    let half = State::ALL.len() / 2;
    let stops = State::ALL.into_iter().cycle().skip(round * half).take(half);
    parts.extend(stops.map(|state| vec![Step::Stop(state, by_proxy(random))]));
    random.shuffle(&mut parts);
    parts.concat()
}

/// Kills while the broker itself is away, and as it comes back; it takes seconds to start, so that one death serves
/// them all.
fn window(random: &mut fastrand::Rng, by: Outage) -> Vec<Step> {
    let mut away = vec![State::Waiting, State::Rolling, State::Waiting];
    random.shuffle(&mut away);
    let back = if random.bool() { State::Found } else { State::Draining };
    // The first after the loss has nothing in its spool yet.
    let states = [State::Lost, State::Spooling].into_iter().chain(away).chain([back]);
    states.map(|state| Step::Kill(state, by)).collect()
}

fn by_proxy(random: &mut fastrand::Rng) -> Outage {
    if random.bool() { Outage::Refused } else { Outage::Silent }
}
