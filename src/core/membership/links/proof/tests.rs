//! One link over time: how often it is probed, when it has failed, what ends a doubt, what puts a judgement off.

use super::*;

const MILLI: u64 = 1_000_000;

fn at(millis: u64) -> Mono {
    Mono(millis * MILLI)
}

/// Of a link that is used.
fn used(now: Mono, timing: &Timing) -> Proof {
    let mut proof = Proof::new(now, timing);
    proof.used(now, timing);
    proof
}

/// The steps that are due until then, and their times; each probe is sent. The far end is heard all the time.
fn steps(proof: &mut Proof, timing: &Timing, until: u64) -> Vec<(u64, Check)> {
    steps_while(true, proof, timing, until)
}

fn steps_while(is_talking: bool, proof: &mut Proof, timing: &Timing, until: u64) -> Vec<(u64, Check)> {
    let mut all = Vec::new();
    while proof.deadline() <= at(until) {
        let now = proof.deadline();
        if let Some(check) = proof.step(now, is_talking, timing) {
            if check == Check::Probe {
                proof.probed(now, timing);
            }
            all.push((now.0 / MILLI, check));
        }
    }
    all
}

#[test]
fn a_link_without_answers_is_probed_and_fails_and_goes_on_failing() {
    let mut proof = used(at(0), &Timing::LAN);
    let all = steps(&mut proof, &Timing::LAN, 5_000);
    let (probes, failures) = all.split_at(15);
    assert!(probes.iter().all(|&(_, check)| check == Check::Probe));
    let times: Vec<_> = probes.iter().map(|&(at, _)| at).collect();
    assert_eq!((&times[..5], times[14]), (&[1_000, 2_000, 3_000, 3_062, 3_125][..], 3_750));
    assert_eq!(failures, [(4_250, Check::Failed), (4_750, Check::Failed)]);
    proof.answered(at(5_100), &Timing::LAN);
    assert_eq!(steps(&mut proof, &Timing::LAN, 9_100), [(9_100, Check::Probe)], "it is idle");
    // Few probes alone decide nothing, however hasty a node is.
    let all = steps(&mut used(at(0), &Timing::LOCAL), &Timing::LOCAL, 4_000);
    assert_eq!((all.len(), all.last()), (14, Some(&(3_375, Check::Failed))));
}

/// One that speaks seldom is suspected again and again, and comes back each time that it is heard.
#[test]
fn a_link_whose_far_end_is_seldom_heard_fails_all_the_same() {
    let timing = Timing::LAN;
    let mut proof = Proof::new(at(0), &timing);
    assert_eq!(steps_while(false, &mut proof, &timing, 7_600).last(), Some(&(6_000, Check::Probe)), "it may hang");
    proof.begin_again(at(7_600));
    steps_while(false, &mut proof, &timing, 9_000);
    proof.begin_again(at(9_000));
    let all = steps_while(false, &mut proof, &timing, 11_900);
    assert_eq!(all.last(), Some(&(11_850, Check::Failed)), "{all:?}");
    // One that hung, and answers now, is sound.
    let mut proof = Proof::new(at(0), &timing);
    proof.begin_again(at(7_600));
    assert_eq!(steps_while(false, &mut proof, &timing, 8_700), [(7_600, Check::Probe), (8_600, Check::Probe)]);
    assert!(proof.on_pong(at(8_800), at(7_600).0, &timing).is_some());
    assert_eq!(steps_while(false, &mut proof, &timing, 12_000), []);
}

#[test]
fn any_answer_proves_a_link_and_a_doubt_ends_with_a_later_probe_alone() {
    let timing = Timing::LAN;
    let mut proof = used(at(0), &timing);
    assert_eq!(steps(&mut proof, &timing, 1_000), [(1_000, Check::Probe)]);
    assert!(proof.doubt(at(1_100), &timing));
    proof.probed(at(1_100), &timing);
    assert!(!proof.doubt(at(1_200), &timing), "it is doubted already");
    proof.answered(at(1_300), &timing);
    assert_eq!(proof.on_pong(at(1_300), at(1_000).0, &timing), Some(at(1_000)), "a sound answer to an earlier probe");
    assert_eq!(proof.on_pong(at(1_300), at(1_000).0, &timing), None, "once");
    assert_eq!(proof.on_pong(at(1_300), 17, &timing), None, "nobody asked that");
    let mut answered = proof.clone();
    assert_eq!(steps(&mut proof, &timing, 2_500).last(), Some(&(2_287, Check::Failed)));
    assert_eq!(answered.on_pong(at(1_400), at(1_100).0, &timing), Some(at(1_100)));
    assert!(!answered.is_doubted());
    assert_eq!(answered.deadline(), at(5_400));
}

#[test]
fn answers_that_are_slower_than_the_probes_still_prove_the_link() {
    let timing = Timing::LAN;
    let mut proof = used(at(0), &timing);
    assert_eq!(steps(&mut proof, &timing, 3_000).len(), 3);
    steps(&mut proof, &timing, 3_400);
    assert_eq!(proof.on_pong(at(3_400), at(1_000).0, &timing), Some(at(1_000)));
    assert_eq!(proof.deadline(), at(7_400));
    proof.used(at(4_450), &timing);
    assert_eq!(proof.on_pong(at(4_500), at(3_000).0, &timing), Some(at(3_000)));
    assert_eq!(proof.deadline(), at(5_500), "it is in use");
    assert_eq!(proof.on_pong(at(4_500), at(2_000).0, &timing), None, "an answer to a later one came before");
}

#[test]
fn a_link_whose_bytes_still_move_is_probed_and_not_judged() {
    let timing = Timing::LAN;
    let mut proof = used(at(0), &timing);
    for second in 0..60 {
        proof.excuse(at(1_000 * second + 2_000));
        assert!(steps(&mut proof, &timing, 1_000 * second).iter().all(|&(_, check)| check == Check::Probe));
    }
    let probes = steps(&mut proof, &timing, 70_000);
    let failed = probes.iter().find(|&&(_, check)| check == Check::Failed).unwrap().0;
    assert!((61_000..=62_000).contains(&failed), "{failed}");
    assert!(proof.waiting.len() <= WAITING_MAX);
}

#[test]
fn what_is_forgiven_begins_anew() {
    let timing = Timing::LAN;
    let mut proof = used(at(0), &timing);
    steps(&mut proof, &timing, 3_430);
    proof.forgive(at(3_450), &timing);
    assert_eq!(proof.deadline(), at(7_450));
    proof.doubt(at(6_900), &timing);
    proof.forgive(at(6_900), &timing);
    assert!(!proof.is_doubted());
    assert_eq!(proof.deadline(), at(10_900));
    proof.hasten(at(7_000));
    assert_eq!(proof.deadline(), at(7_000));
}

#[test]
fn nothing_is_decided_about_a_link_whose_far_end_hangs() {
    let timing = Timing::LAN;
    let mut proof = used(at(0), &timing);
    assert_eq!(steps(&mut proof, &timing, 3_000).len(), 3);
    while proof.deadline() < at(60_000) {
        let due = proof.deadline();
        assert_eq!(proof.step(due, false, &timing), None);
    }
    // It talks again, and does not answer.
    assert_eq!(steps(&mut proof, &timing, 62_000).last().map(|&(_, check)| check), Some(Check::Failed));
}
