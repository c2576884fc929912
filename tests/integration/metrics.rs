//! Metrics: what a node counts, as a monitoring system scrapes it.

use crate::testnet::{PATIENCE, TestNet, World, free_ports, wait_until};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read, Write},
    net::TcpStream,
};

const DASHBOARD: &str = include_str!("../../docs/grafana.json");

/// Sends a request, and returns the head and the body of what comes back.
fn http(address: &str, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    (head.to_owned(), body.to_owned())
}

/// One family of an exposition: its type and its samples, by name and labels.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    samples: BTreeMap<String, f64>,
}

/// Reads OpenMetrics text as its specification says, and insists on what it says.
fn parse(text: &str) -> BTreeMap<String, Family> {
    let body = text.strip_suffix("# EOF\n").unwrap_or_else(|| panic!("no end: {text}"));
    let (mut families, mut current) = (BTreeMap::<String, Family>::new(), String::new());
    for line in body.lines() {
        if let Some(meta) = line.strip_prefix("# ") {
            let mut words = meta.splitn(3, ' ');
            let [what, name, value] = [(); 3].map(|()| words.next().unwrap_or_else(|| panic!("{line}")));
            match what {
                "TYPE" => {
                    let family = Family { kind: value.to_owned(), ..Family::default() };
                    assert!(families.insert(name.to_owned(), family).is_none(), "{name} stands twice");
                    name.clone_into(&mut current);
                }
                "UNIT" => assert!(name == current && name.ends_with(&format!("_{value}")), "{line}"),
                "HELP" => assert!(name == current && !value.is_empty(), "{line}"),
                _ => panic!("{line}"),
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        let (name, labels) = series.split_once('{').unwrap_or_else(|| panic!("{line}"));
        let suffix = name.strip_prefix(&current).unwrap_or_else(|| panic!("{name} stands below {current}"));
        let family = families.get_mut(&current).unwrap();
        let suffixes: &[&str] = match &*family.kind {
            "counter" => &["_total"],
            "gauge" => &[""],
            "info" => &["_info"],
            "histogram" => &["_bucket", "_count", "_sum"],
            other => panic!("{other}"),
        };
        assert!(suffixes.contains(&suffix), "{line} in a {}", family.kind);
        check_labels(labels.strip_suffix('}').unwrap_or_else(|| panic!("{line}")));
        let value: f64 = value.parse().unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(family.samples.insert(series.to_owned(), value).is_none(), "{series} stands twice");
    }
    families
}

fn check_labels(labels: &str) {
    let mut names = BTreeSet::new();
    for label in labels.split("\",") {
        let (name, _) = label.split_once("=\"").unwrap_or_else(|| panic!("{labels}"));
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') && names.insert(name), "{labels}");
    }
}

/// The one sample of `name` whose labels hold `words`.
fn value(families: &BTreeMap<String, Family>, name: &str, words: &[&str]) -> Option<f64> {
    let fits = |series: &str| {
        series
            .split_once('{')
            .is_some_and(|(found, labels)| found == name && words.iter().all(|word| labels.contains(word)))
    };
    let mut found = families.values().flat_map(|family| &family.samples).filter(|(series, _)| fits(series));
    let value = found.next().map(|(_, &value)| value);
    assert!(found.next().is_none(), "several {name} with {words:?}");
    value
}

fn scrape(address: &str) -> BTreeMap<String, Family> {
    let (head, body) = http(address, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
    parse(&body)
}

/// A network of five in a ring, and the base of its metrics.
fn network() -> (TestNet, u16) {
    let base = free_ports(8);
    (TestNet::start(&format!("circular --metrics-base {base}"), 5), base)
}

#[test]
fn what_is_scraped_agrees_with_status_and_the_dashboard_uses_nothing_else() {
    let (net, base) = network();
    for number in 0..20 {
        net.run(&["send-message", "2", &format!("message {number}")]).done();
    }
    let delivered = |node: u16| value(&scrape(&format!("127.0.0.1:{}", base + node)), "gossip_delivered_total", &[]);
    wait_until("all have all", || (1..=5).all(|node| delivered(node) == Some(20.0)));

    let families = scrape(&format!("127.0.0.1:{}", base + 4));
    let status = net.json(&["status", "4", "--peers"]);
    let account = &status["nodes"][0];
    // These count on while nothing is sent: what was scraped first is not above what was told later.
    let goes_on = ["requests", "digests", "announced"];
    let counters = account["counters"].as_object().unwrap();
    assert!(counters.contains_key("delivered"), "{account}");
    for (name, count) in counters {
        let count = count.as_f64().unwrap();
        let (family, words) = match name.strip_prefix("refused_").filter(|_| name != "refused_by_peer") {
            Some(reason) => ("gossip_refused_total".to_owned(), format!("reason=\"{reason}\"")),
            None => (format!("gossip_{name}_total"), String::new()),
        };
        let scraped = value(&families, &family, &[&words]).unwrap_or_else(|| panic!("{name} is not scraped"));
        assert!(
            if goes_on.contains(&&**name) { scraped <= count } else { scraped == count },
            "{name}: {scraped}, {count}"
        );
    }
    assert_eq!(value(&families, "gossip_retained_messages", &[]), account["retained_messages"].as_f64());
    assert_eq!(value(&families, "gossip_retained_bytes", &[]), account["retained_bytes"].as_f64());
    assert_eq!(value(&families, "gossip_peers_up", &[]), Some(2.0));
    assert_eq!(value(&families, "gossip_peer_up", &["peer=\"3\""]), Some(1.0));
    check_histograms(&families);

    let names: BTreeSet<_> = families.values().flat_map(|family| family.samples.keys()).collect();
    let names: BTreeSet<_> = names.iter().filter_map(|series| series.split_once('{')).map(|(name, _)| name).collect();
    let used = dashboard_names();
    assert!(used.len() > 15, "the dashboard was not read: {used:?}");
    for name in used {
        assert!(names.contains(&*name), "the dashboard asks for {name}, which does not exist");
    }
}

/// All that came from elsewhere is in both histograms, and in ascending buckets.
fn check_histograms(families: &BTreeMap<String, Family>) {
    for name in ["gossip_delivery_latency_seconds", "gossip_delivery_hops"] {
        let family = &families[name];
        assert_eq!(value(families, &format!("{name}_count"), &[]), Some(20.0), "{family:?}");
        let mut buckets: Vec<(f64, f64)> = family
            .samples
            .iter()
            .filter_map(|(series, &count)| Some((series.split_once("le=\"")?.1, count)))
            .map(|(bound, count)| (bound.trim_end_matches("\"}").replace("+Inf", "inf").parse().unwrap(), count))
            .collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(buckets.is_sorted_by(|a, b| a.1 <= b.1), "{buckets:?}");
        assert_eq!(buckets.last(), Some(&(f64::INFINITY, 20.0)));
    }
    // Two links away in a ring of five, and no message took none.
    let hops = |bound| value(families, "gossip_delivery_hops_bucket", &[&format!("le=\"{bound}\"")]);
    assert!(hops("4.0") == Some(20.0) && value(families, "gossip_delivery_hops_sum", &[]) >= Some(20.0));
}

/// All metrics that the expressions and variables of the dashboard name.
fn dashboard_names() -> BTreeSet<String> {
    fn collect(value: &Value, names: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    match value.as_str().filter(|_| ["expr", "query"].contains(&&**key)) {
                        Some(text) => names.extend(
                            text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                                .filter(|word| word.starts_with("gossip_"))
                                .map(str::to_owned),
                        ),
                        None => collect(value, names),
                    }
                }
            }
            Value::Array(list) => list.iter().for_each(|value| collect(value, names)),
            _ => {}
        }
    }
    let mut names = BTreeSet::new();
    collect(&serde_json::from_str(DASHBOARD).unwrap(), &mut names);
    names
}

#[test]
fn whatever_is_no_scrape_is_refused_and_holds_up_nobody() {
    let (net, base) = network();
    let address = format!("127.0.0.1:{}", base + 1);
    for (request, status) in [
        ("POST /metrics HTTP/1.1\r\n\r\n", "405"),
        ("GET / HTTP/1.1\r\n\r\n", "404"),
        ("what is this\r\n\r\n", "400"),
        (&*format!("GET /metrics HTTP/1.1\r\nX: {}", "x".repeat(20_000)), "431"),
    ] {
        let (head, _) = http(&address, request);
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{request:.40}: {head}");
    }
    // Clients that never ask: as many as have room, and more. All others still get their turn, and the node its messages.
    let idle: Vec<_> = (0..40).map(|_| TcpStream::connect(&address).unwrap()).collect();
    net.run(&["send-message", "1", "apple"]).done();
    assert_eq!(value(&scrape(&address), "gossip_published_total", &[]), Some(1.0));
    drop(idle);
}

#[test]
fn nodes_that_come_later_serve_their_metrics_too() {
    let (net, base) = network();
    net.run(&["restart-node", "2"]).done();
    let added = net.json(&["add-node"]);
    let port: u16 = added["endpoint"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
    for number in [2, port - net.port_base()] {
        let families = scrape(&format!("127.0.0.1:{}", base + number));
        assert_eq!(value(&families, "gossip_node_info", &[&format!("node=\"{number}\"")]), Some(1.0));
    }
}

#[test]
fn a_node_by_itself_says_where_its_metrics_are() {
    let world = World::new();
    let words = ["node", "--name", "a", "--bind", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--json"];
    let node = world.spawn(&words);
    wait_until("it listens", || node.stdout().ends_with('\n'));
    let ready: Value = serde_json::from_str(&node.stdout()).unwrap();
    let url = ready["metrics"].as_str().unwrap();
    let address = url.strip_prefix("http://").and_then(|rest| rest.strip_suffix("/metrics")).unwrap();
    assert_eq!(value(&scrape(address), "gossip_node_info", &["node=\"a\""]), Some(1.0));
    let taken = world.run(&["node", "--name", "b", "--bind", "127.0.0.1:0", "--metrics", address]);
    taken.fails(1, &format!("cannot serve metrics on {address}"));
    world.run(&["start-network", "--metrics-base", "7005"]).fails(2, "overlap node ports");
    world.run(&["start-network", "--metrics-base", "65530"]).fails(2, "exceed 65535");
}
