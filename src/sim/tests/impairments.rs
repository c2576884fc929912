//! Faults of single links and of names: what they do to a run, and that nodes get over them.

use super::*;

fn pair(faults: Vec<Fault>) -> Scenario {
    let load = Load { messages: 20, interval: Time::millis(500), ..Load::default() };
    // There is no other way between the two.
    Scenario { load, faults, ..scenario("circular", None, 2) }
}

#[test]
fn a_connection_whose_name_another_socket_takes_is_replaced_and_what_it_swallowed_comes_after_all() {
    for seed in 1..4 {
        let take = Fault::Take { at: SECOND, from: Selection::Nodes(vec![1]), to: Selection::Nodes(vec![2]) };
        let report = run(&pair(vec![take]), seed).report;
        assert_eq!((report.delivery_ratio(), report.missing.len()), (1.0, 0));
        assert!(report.stretch.most() > Some(2.0), "until that is noticed nothing comes through");
    }
    let take = |at| Fault::Take { at, from: Selection::Share(0.7), to: Selection::Share(0.7) };
    let report = run(&tree(faulty(vec![take(SECOND), take(Time::millis(6_000))])), 1).report;
    assert_eq!(report.delivery_ratio(), 1.0);
}

#[test]
fn what_follows_a_large_frame_over_a_narrow_link_waits_and_nobody_is_taken_for_dead() {
    let narrow =
        |at, bandwidth| Fault::Narrow { at, from: Selection::Share(1.0), to: Selection::Share(1.0), bandwidth };
    let took = |faults| {
        let scenario = pair(faults);
        let load = Load { size: 64 << 10, messages: 6, ..scenario.load.clone() };
        let report = run(&Scenario { load, ..scenario }, 1).report;
        assert_eq!((report.delivery_ratio(), report.message_frames), (1.0, 6), "each payload crosses once");
        report.last_delivery_ms.most().unwrap()
    };
    let (wide, slow) = (took(vec![]), took(vec![narrow(Time::millis(0), Some(100_000))]));
    assert!(wide < 100.0 && slow > 750.0, "{wide} and {slow}: each takes 650 ms, one every 500 ms");
    let widened = took(vec![narrow(Time::millis(0), Some(100_000)), narrow(Time::millis(0), None)]);
    assert_eq!(wide, widened);
}

#[test]
fn a_stall_keeps_whoever_comes_back_waiting_and_ends() {
    let crash = Fault::Crash { at: SECOND, who: Selection::Nodes(vec![4]), silent: false, spare_sender: false };
    let restart = Fault::Restart { at: Time::millis(2_000), who: None, disk: Disk::Kept, memory: false };
    let stall = |at, dial| Fault::Stall { at: Time::millis(at), who: Selection::Share(1.0), dial: Time::millis(dial) };
    let took = |faults| {
        let report = run(&faulty([vec![crash.clone(), restart.clone()], faults].concat()), 3).report;
        assert_eq!((report.delivery_ratio(), report.unequal), (1.0, 0));
        report.equal_ms.mean().unwrap()
    };
    let (quick, slow) = (took(vec![]), took(vec![stall(500, 3_000), stall(5_000, 0)]));
    assert!(slow > quick + 2_000.0, "{quick} ms and {slow} ms");
}

#[test]
fn a_namesake_comes_and_goes_and_the_node_that_bears_the_name_is_a_member_still() {
    for seed in 1..6 {
        let namesake = Fault::Namesake { at: SECOND, until: Time::millis(3_000), who: Selection::Nodes(vec![7]) };
        let report = run(&tree(faulty(vec![namesake])), seed).report;
        assert_eq!((report.live_nodes.mean(), report.missing.len()), (Some(30.0), 0), "seed {seed}");
        assert_eq!(report.delivery_ratio(), 1.0, "seed {seed}");
    }
}

#[test]
fn a_node_that_came_later_than_its_namesake_gives_way_and_is_started_anew() {
    let namesake = Fault::Namesake { at: SECOND, until: Time::millis(9_000), who: Selection::Nodes(vec![7]) };
    let crash =
        Fault::Crash { at: Time::millis(2_000), who: Selection::Nodes(vec![7]), silent: false, spare_sender: false };
    let restart = Fault::Restart { at: Time::millis(5_000), who: None, disk: Disk::Lost, memory: false };
    let load = Load { messages: 30, interval: Time::millis(500), ..Load::default() };
    let scenario = Scenario { load, ..faulty(vec![namesake, crash, restart]) };
    let report = run(&tree(scenario), 2).report;
    assert_eq!((report.live_nodes.mean(), report.missing.len()), (Some(30.0), 0));
}

#[test]
fn from_seed_1000_on_one_of_four_draws_faults_of_links_and_all_kinds_of_them() {
    let kind = |fault: &Fault| match fault {
        Fault::Take { .. } => Some(0),
        Fault::Narrow { .. } => Some(1),
        Fault::Stall { .. } => Some(2),
        Fault::Namesake { .. } => Some(3),
        _ => None,
    };
    let kinds = |seed| chaos::scenario(seed).faults.iter().filter_map(kind).collect::<Vec<_>>();
    let mut counts = [0; 4];
    for seed in 0..2_000 {
        let drawn = kinds(seed);
        assert!(drawn.is_empty() || (seed >= 1_000 && seed % 4 == 3), "seed {seed}");
        drawn.into_iter().for_each(|kind| counts[kind] += 1);
    }
    assert!(counts.iter().all(|&count| count > 20), "{counts:?}");
}
