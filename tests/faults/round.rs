//! A round: a fresh topic and directory, the steps, and what the oracle says of it.

use crate::client::Client;
use crate::load::TOPIC;
use crate::oracle::{recovered, verdict};
use crate::plan::{self, Step};
use crate::process::{Gateway, PATIENCE};
use crate::proxy::Fault;
use crate::state::{Mode, State, sight};
use crate::world::{Life, Outage, World};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How soon after a fault a fresh record has to go straight to the broker, on a busy machine.
const RECOVERY_MAX: Duration = Duration::from_secs(15);
/// A roll or a note that has not come by then will not be waited for.
const SIGHT_TIME: Duration = Duration::from_secs(2);

pub fn run(world: &mut World, number: usize, kills: usize) {
    world.renew();
    world.broker.create_topic(TOPIC, 3, &[]);
    for (index, step) in plan::draw(&mut world.random, number, kills).into_iter().enumerate() {
        let begun = Instant::now();
        let told = match step {
            Step::Kill(wanted, by) => kill(world, wanted, by),
            Step::Stop(wanted, by) => stop(world, wanted, by),
            Step::Faults => faults(world),
        };
        println!("round {number}, step {index}: {told} ({} ms)", begun.elapsed().as_millis());
    }
    world.find();
    let Life { gateway, load, .. } = world.live();
    load.stop();
    recover(world, &gateway);
    assert_eq!(end(gateway).code(), Some(0), "a gateway with an empty spool");
    let verdict = verdict(&format!("round {number}"), &world.broker, &world.account);
    world.counts.acked += verdict.acked;
    world.counts.delivered += verdict.delivered;
    world.counts.duplicates += verdict.duplicates;
    world.broker.delete_topic(TOPIC);
}

fn end(mut gateway: Gateway) -> std::process::ExitStatus {
    gateway.signal("-TERM");
    gateway.exit()
}

fn recover(world: &mut World, gateway: &Gateway) {
    let time = recovered(gateway, &world.account);
    assert!(time < RECOVERY_MAX, "a fresh record went to the broker after {time:?} only");
    world.counts.slowest_recovery = world.counts.slowest_recovery.max(time);
}

fn kill(world: &mut World, wanted: State, by: Outage) -> String {
    let (life, sighted) = bring(world, wanted, by);
    let state = shoot(world, life, sighted);
    format!("gateway killed while {state} (wanted {wanted}, {by:?})")
}

fn shoot(world: &mut World, mut life: Life, sighted: Option<State>) -> State {
    let state = met(world, &life, sighted);
    life.gateway.kill();
    clear(world);
    life.load.join();
    *world.counts.killed.entry(state).or_default() += 1;
    state
}

/// What a gateway had sent ends with it: a proxy that held it back must not send it after a later gateway's.
fn clear(world: &mut World) {
    world.proxy.cut();
    if world.outage.is_none() {
        world.proxy.set(Fault::None);
    }
}

/// Compares the counters, then tells the gateway to stop, under load.
fn stop(world: &mut World, wanted: State, by: Outage) -> String {
    let (life, sighted) = bring(world, wanted, by);
    let Life { gateway, load, before } = life;
    load.stop();
    equal_counters(world, &gateway, &before);
    let life = Life { load: world.load(&gateway), gateway, before };
    world.pause(100);
    let state = met(world, &life, sighted);
    let must_keep = world.outage.is_some() && life.mode() != Mode::Direct;
    let begun = Instant::now();
    let status = end(life.gateway);
    let time = begun.elapsed();
    life.load.join();
    clear(world);
    let code = status.code();
    let right = if must_keep { code == Some(3) } else { matches!(code, Some(0 | 3)) };
    assert!(right, "told to stop while {state}, the gateway ended with {status}");
    *world.counts.stopped.entry(format!("{state} (exit {})", code.unwrap())).or_default() += 1;
    format!("gateway stopped while {state} with {status} in {time:?} (wanted {wanted}, {by:?})")
}

/// The connections fail in each way while one gateway lives.
fn faults(world: &mut World) -> String {
    world.find();
    let mut faults = vec![
        ("cut after a produce request", Fault::CutAfterProduce),
        ("cut after a produce request", Fault::CutAfterProduce),
        ("connections slow", Fault::Delay(Duration::from_millis(300))),
        ("connections silent", Fault::Blackhole),
        ("connections refused", Fault::Refuse),
        ("connections reset", Fault::None),
    ];
    world.random.shuffle(&mut faults);
    let Life { gateway, load, before } = world.live();
    for (name, fault) in &faults {
        world.counts.fault(name);
        world.proxy.set(*fault);
        if matches!(fault, Fault::Refuse | Fault::None) {
            world.proxy.cut();
        }
        world.pause(1_200);
        world.proxy.set(Fault::None);
        if world.random.bool() {
            world.proxy.cut();
        }
        world.pause(300);
    }
    load.stop();
    recover(world, &gateway);
    equal_counters(world, &gateway, &before);
    assert_eq!(end(gateway).code(), Some(0), "a gateway with an empty spool");
    let names: Vec<&str> = faults.iter().map(|(name, _)| *name).collect();
    format!("{} in one life", names.join(", "))
}

/// A life that has come to a state, and whether the roll or the note that was wanted has just been seen.
fn bring(world: &mut World, wanted: State, by: Outage) -> (Life, Option<State>) {
    let is_long = matches!(world.outage, Some((Outage::Killed | Outage::Stopped(_), _)));
    match wanted {
        State::Direct | State::Lost => world.find(),
        // A spool that is left is drained first: then it is begun anew.
        State::Spooling | State::Found if !is_long => world.find(),
        State::Spooling | State::Found => {}
        State::Waiting | State::Draining | State::Rolling | State::Noting => world.lose(by),
    }
    let mut life = world.live();
    match wanted {
        State::Direct => direct(world, &life, 150),
        State::Lost => {
            direct(world, &life, 50);
            world.lose(by);
            world.pause(90);
        }
        State::Spooling => spooling(world, &life, by, 150),
        State::Waiting => {
            if life.mode() == Mode::Direct {
                spooling(world, &life, by, 100);
                shoot(world, life, None);
                life = world.live();
            }
            world.pause(150);
        }
        State::Found => {
            spooling(world, &life, by, 50);
            // What librdkafka held takes a round trip to land.
            world.find_at(Fault::Delay(Duration::from_millis(60)));
            world.pause(50);
        }
        State::Rolling => spooling(world, &life, by, 20),
        State::Draining => {
            draining(world, &life, by);
            world.pause(120);
        }
        State::Noting => draining(world, &life, by),
    }
    let sighted =
        matches!(wanted, State::Rolling | State::Noting) && sight(&world.data(), wanted, SIGHT_TIME);
    if sighted {
        world.pause(6);
    }
    (life, sighted.then_some(wanted))
}

fn direct(world: &mut World, life: &Life, pause: u64) {
    let before = world.account.lock().unwrap().outcomes.get("committed").copied();
    world.until(life, "go straight", |mode, account| {
        mode == Mode::Direct && account.outcomes.get("committed").copied() > before
    });
    world.pause(pause);
}

fn spooling(world: &mut World, life: &Life, by: Outage, pause: u64) {
    if world.outage.is_none() {
        direct(world, life, 20);
    }
    world.lose(by);
    world.until(life, "its spool", |mode, _| mode != Mode::Direct);
    world.pause(pause);
}

/// With connections that are late, so that it takes longer than a moment.
fn draining(world: &mut World, life: &Life, by: Outage) {
    spooling(world, life, by, 200);
    let late = Duration::from_millis(world.random.u64(5..40));
    world.find_at(Fault::Delay(late));
    world.until(life, "its drain", |mode, _| mode != Mode::Spooling);
}

/// Where the gateway is at this moment.
fn met(world: &World, life: &Life, sighted: Option<State>) -> State {
    let is_away = world.outage.is_some();
    match (sighted, life.mode()) {
        (Some(sighted), _) => sighted,
        (None, Mode::Direct) => {
            if is_away {
                State::Lost
            } else {
                State::Direct
            }
        }
        (None, Mode::Spooling) => {
            if is_away {
                State::Spooling
            } else {
                State::Found
            }
        }
        (None, Mode::Draining) => {
            if is_away {
                State::Waiting
            } else {
                State::Draining
            }
        }
    }
}

/// The gateway has counted what its clients were told.
fn equal_counters(world: &mut World, gateway: &Gateway, before: &BTreeMap<String, u64>) {
    let start = Instant::now();
    loop {
        let told = world.account.lock().unwrap().outcomes.clone();
        let since =
            |name: &str| told.get(name).copied().unwrap_or(0) - before.get(name).copied().unwrap_or(0);
        let counted = settled(gateway);
        let wrong: Vec<String> = ["committed", "stored", "rejected", "quarantined"]
            .into_iter()
            .filter(|name| since(name) != counted.get(*name).copied().unwrap_or(0))
            .map(|name| format!("{name}: {} told, {counted:?} counted", since(name)))
            .collect();
        if wrong.is_empty() {
            world.counts.equal_lives += 1;
            return;
        }
        assert!(start.elapsed() < PATIENCE / 10, "{}", wrong.join("\n"));
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Records by outcome, as /metrics has them.
fn settled(gateway: &Gateway) -> BTreeMap<String, u64> {
    let answer = Client::connect(gateway.admin_address).unwrap().get("/metrics").unwrap();
    let mut counted = BTreeMap::new();
    for line in answer.text().lines().filter(|line| line.starts_with("gateway_records_settled_total{")) {
        let outcome = line.split("outcome=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        let count = line.rsplit(' ').next().unwrap().parse::<f64>().unwrap();
        *counted.entry(outcome.to_owned()).or_default() += count as u64;
    }
    counted
}
