//! Files that have to say the same as each other, and as the gateway, do.

use crate::client::Client;
use crate::deployed::{documents, files, read, rules, yaml};
use crate::key::{CONFIGURATIONS, load};
use crate::process::Launch;
use serde_json::{Value, json};
use sluicegate::config::Config;
use std::collections::{BTreeMap, BTreeSet};

/// What a drain may take after `drain_timeout_ms`: the last look for Kafka's reports (produce_timeout_ms), a drain that
/// is told to end, the flush of telemetry.
const AFTER_DRAIN_S: u64 = 15;

/// Whom containers run as, which is written as `65532:65532`.
const USER: u64 = 65532;

/// The ports of the others, which no code of ours knows.
const OTHER_PORTS: [(u64, &str); 11] = [
    (53, "DNS"),
    (3000, "Grafana"),
    (3100, "Loki"),
    (3200, "Tempo"),
    (4317, "OTLP by gRPC"),
    (4318, "OTLP by HTTP"),
    (9090, "Prometheus"),
    (9092, "Kafka"),
    (9093, "Kafka's controller"),
    (12345, "Alloy"),
    (29092, "Kafka from the machine itself"),
];

fn ports(config: &Config) -> [u64; 2] {
    [config.http.listen.port().into(), config.admin.listen.port().into()]
}

fn default_ports() -> [u64; 2] {
    ports(&Config::load(sluicegate::config::Flags::default(), std::iter::empty()).unwrap())
}

/// The object of this kind and name among the manifests.
fn manifest(file: &str, kind: &str, name: &str) -> Value {
    let documents = documents(&format!("kubernetes/{file}"));
    let found = documents.into_iter().find(|one| one["kind"] == kind && one["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("{file}: no {kind} {name}"))
}

fn pod() -> Value {
    manifest("statefulset.yaml", "StatefulSet", "sluicegate")["spec"]["template"]["spec"].clone()
}

#[test]
fn every_file_can_be_parsed() {
    for (file, text) in files() {
        match file.rsplit_once('.').map_or("", |(_, extension)| extension) {
            "yaml" | "yml" => assert!(!documents(&file).is_empty(), "{file}"),
            "json" => drop(serde_json::from_str::<Value>(&text).unwrap_or_else(|e| panic!("{file}: {e}"))),
            "toml" => drop(text.parse::<toml::Table>().unwrap_or_else(|e| panic!("{file}: {e}"))),
            _ => {}
        }
    }
}

#[test]
fn every_port_is_the_gateways_or_one_of_those_that_are_known() {
    let known: BTreeSet<u64> = OTHER_PORTS.iter().map(|(port, _)| *port).chain(default_ports()).collect();
    let mut wrong = Vec::new();
    for (file, text) in files().into_iter().filter(|(file, _)| !file.starts_with("grafana/dashboards")) {
        for line in text.lines() {
            let after = ["port: ", "containerPort: ", "EXPOSE ", ":", "/dev/tcp/127.0.0.1/"];
            let ports = after.iter().flat_map(|before| line.split(before).skip(1)).filter_map(|rest| {
                let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                let ends =
                    !rest[digits.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '.' || c == ':');
                digits.parse::<u64>().ok().filter(|port| ends && *port > 1023 && *port != USER)
            });
            wrong.extend(ports.filter(|port| !known.contains(port)).map(|port| format!("{file}: {port}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for file in CONFIGURATIONS {
        assert_eq!(ports(&load(file)), default_ports(), "{file}");
    }
}

#[test]
fn image_and_compose_offer_the_ports_and_directories_of_the_images_configuration() {
    let [data, admin] = ports(&load("sluicegate.toml"));
    let dockerfile = read("Dockerfile");
    assert!(dockerfile.contains(&format!("EXPOSE {data} {admin}\n")));
    let config: toml::Table = read("sluicegate.toml").parse().unwrap();
    let directory = |section: &str| config[section]["directory"].as_str().unwrap().to_owned();
    assert!(dockerfile.contains(&format!("VOLUME {}\n", directory("data"))));
    assert!(dockerfile.contains(&format!("COPY plugins/*.wasm {}/\n", directory("plugins"))));
    assert!(dockerfile.contains("\nUSER 65532:65532\n"));

    let service = &yaml("compose.yaml")["services"]["sluicegate"];
    assert_eq!(
        service["ports"],
        json!([format!("127.0.0.1:{data}:{data}"), format!("127.0.0.1:{admin}:{admin}")])
    );
    let volumes = service["volumes"].as_array().unwrap();
    assert!(volumes.contains(&json!(format!("data:{}", directory("data")))));
    assert!(volumes.contains(&json!(format!("../plugins:{}:ro", directory("plugins")))));
    let brokers = service["environment"]["SLUICEGATE__KAFKA__BROKERS"].as_str().unwrap();
    let listeners = &yaml("compose.yaml")["services"]["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"];
    assert!(listeners.as_str().unwrap().contains(&format!("//{brokers}")), "{listeners}");
}

#[test]
fn prometheus_asks_the_admin_port_by_a_name_that_it_goes_by() {
    let config = load("sluicegate.toml");
    let scrape = &yaml("prometheus/prometheus.yml")["scrape_configs"][0];
    let target = scrape["static_configs"][0]["targets"][0].as_str().unwrap();
    let (name, port) = target.split_once(':').unwrap();
    assert!(config.admin.names.iter().any(|known| known == name), "{name}");
    assert_eq!(port, config.admin.listen.port().to_string());
    // The job that SluicegateDown asks for, and that pods are given.
    assert_eq!(scrape["job_name"], "sluicegate");
    let pods = &yaml("kubernetes/podmonitor.yaml")["spec"]["podMetricsEndpoints"][0];
    assert_eq!(pods["relabelings"][0], json!({ "targetLabel": "job", "replacement": "sluicegate" }));
    assert_eq!(pods["path"], scrape["metrics_path"]);
}

#[test]
fn every_path_of_the_admin_port_is_there() {
    let home = tempfile::tempdir().unwrap();
    let gateway = Launch::serve(&home.path().join("data")).start();
    let mut client = Client::connect(gateway.admin_address).unwrap();
    let mut paths = BTreeSet::new();
    let container = pod()["containers"][0].clone();
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        paths.insert(container[probe]["httpGet"]["path"].as_str().unwrap().to_owned());
    }
    let scrape = &yaml("prometheus/prometheus.yml")["scrape_configs"][0]["metrics_path"];
    paths.insert(scrape.as_str().unwrap().to_owned());
    // What is written down for people.
    for (_, text) in files().into_iter().filter(|(file, _)| file.ends_with(".md")) {
        let quoted = text.split('`').skip(1).step_by(2);
        let is_path =
            |word: &&str| word.starts_with('/') && word[1..].chars().all(|c| c.is_ascii_lowercase());
        paths.extend(quoted.filter(is_path).map(str::to_owned));
    }
    assert!(paths.len() >= 4, "{paths:?}");
    for path in paths {
        let status = client.get(&path).unwrap().status;
        assert_eq!(status, 200, "{path}");
    }
}

#[test]
fn manifests_name_the_same_ports_labels_and_objects() {
    let [data, admin] = ports(&load("kubernetes/sluicegate.toml"));
    let container = pod()["containers"][0].clone();
    let named =
        json!([{ "name": "data", "containerPort": data }, { "name": "admin", "containerPort": admin }]);
    assert_eq!(container["ports"], named);
    for (service, port, number) in [
        ("sluicegate", "data", data),
        ("sluicegate-headless", "data", data),
        ("sluicegate-admin", "admin", admin),
    ] {
        let spec = manifest("service.yaml", "Service", service)["spec"].clone();
        assert_eq!(spec["ports"], json!([{ "name": port, "port": number, "targetPort": port }]), "{service}");
        assert_eq!(spec["selector"], json!({ "app.kubernetes.io/name": "sluicegate" }), "{service}");
    }
    let set = manifest("statefulset.yaml", "StatefulSet", "sluicegate");
    assert_eq!(set["spec"]["serviceName"], "sluicegate-headless");
    let labels = &set["spec"]["selector"]["matchLabels"];
    assert_eq!(&set["spec"]["template"]["metadata"]["labels"], labels);
    let budget = manifest("poddisruptionbudget.yaml", "PodDisruptionBudget", "sluicegate");
    assert_eq!(&budget["spec"]["selector"]["matchLabels"], labels);
    let policy = manifest("networkpolicy.yaml", "NetworkPolicy", "sluicegate");
    assert_eq!(&policy["spec"]["podSelector"]["matchLabels"], labels);

    let mounts = container["volumeMounts"].as_array().unwrap().clone();
    let volumes = pod()["volumes"].as_array().unwrap().clone();
    let claims = set["spec"]["volumeClaimTemplates"].as_array().unwrap().clone();
    let declared: BTreeSet<String> = volumes
        .iter()
        .map(|volume| &volume["name"])
        .chain(claims.iter().map(|claim| &claim["metadata"]["name"]))
        .map(|name| name.as_str().unwrap().to_owned())
        .collect();
    let mounted: BTreeSet<String> =
        mounts.iter().map(|mount| mount["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(declared, mounted);
    let config: toml::Table = read("kubernetes/sluicegate.toml").parse().unwrap();
    for (volume, section) in [("data", "data"), ("plugins", "plugins")] {
        let mount = mounts.iter().find(|mount| mount["name"] == volume).unwrap();
        assert_eq!(mount["mountPath"].as_str(), config[section]["directory"].as_str());
    }
    let args = container["args"].as_array().unwrap();
    assert_eq!(args.last().unwrap(), "/etc/sluicegate/sluicegate.toml");
    let names = load("kubernetes/sluicegate.toml").admin.names;
    assert!(names.iter().any(|name| name == "sluicegate-admin"), "{names:?}");
}

#[test]
fn pods_are_confined() {
    let pod = pod();
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["runAsUser"], pod["securityContext"]["fsGroup"]);
    for container in [&pod["containers"][0], &pod["initContainers"][0]] {
        let context = &container["securityContext"];
        assert_eq!(context["readOnlyRootFilesystem"], true, "{}", container["name"]);
        assert_eq!(context["allowPrivilegeEscalation"], false, "{}", container["name"]);
        assert_eq!(context["capabilities"]["drop"], json!(["ALL"]), "{}", container["name"]);
    }
}

#[test]
fn whoever_stops_the_gateway_waits_longer_than_it_drains() {
    let drain = |file: &str| {
        let timing = load(file).shutdown;
        (timing.lame_duck + timing.drain_timeout).as_secs() + AFTER_DRAIN_S
    };
    let seconds = |text: &str| text.trim_end_matches('s').parse::<u64>().unwrap();
    let grace = pod()["terminationGracePeriodSeconds"].as_u64().unwrap();
    assert!(grace >= drain("kubernetes/sluicegate.toml"), "Kubernetes: {grace}");
    let compose = yaml("compose.yaml");
    let grace = seconds(compose["services"]["sluicegate"]["stop_grace_period"].as_str().unwrap());
    assert!(grace >= drain("sluicegate.toml"), "compose: {grace}");
    let grace = seconds(unit("TimeoutStopSec=").as_str());
    assert!(grace >= drain("systemd/sluicegate.toml"), "systemd: {grace}");

    let probe = &pod()["containers"][0]["readinessProbe"];
    let noticed = probe["periodSeconds"].as_u64().unwrap() * probe["failureThreshold"].as_u64().unwrap();
    let lame_duck = load("kubernetes/sluicegate.toml").shutdown.lame_duck.as_secs();
    assert!(lame_duck > noticed, "not ready for {lame_duck} s, which is noticed in {noticed} s");
}

/// The value of a line of the systemd unit.
fn unit(key: &str) -> String {
    let text = read("systemd/sluicegate.service");
    text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_else(|| panic!("no {key}")).to_owned()
}

#[test]
fn every_connection_can_have_a_file() {
    let needed = |file: &str| {
        let config = load(file);
        config.http.connections_max + config.admin.connections_max
    };
    let files: usize = unit("LimitNOFILE=").parse().unwrap();
    // Half is left to logs, spools and brokers.
    assert!(files >= 2 * needed("systemd/sluicegate.toml"), "{files}");
    let files = yaml("compose.yaml")["services"]["sluicegate"]["ulimits"]["nofile"].as_u64().unwrap();
    assert!(files as usize >= 2 * needed("sluicegate.toml"), "{files}");
}

#[test]
fn limits_that_alerts_compare_with_are_the_gateways_defaults() {
    let config = {
        let flags = sluicegate::config::Flags { kafka: Some("127.0.0.1:9".into()), ..Default::default() };
        Config::load(flags, std::iter::empty()).unwrap()
    };
    let recorded: BTreeMap<String, u64> = rules("prometheus/recording.yaml")
        .iter()
        .filter_map(|rule| {
            let name = rule["record"].as_str()?.strip_prefix("sluicegate:limit:")?;
            let value = rule["expr"].as_str()?.strip_prefix("vector(")?.strip_suffix(')')?;
            Some((name.to_owned(), value.parse().unwrap()))
        })
        .collect();
    let spool = config.sink.kafka.unwrap().spool.unwrap();
    assert_eq!(recorded["spool_bytes"], spool.high_water_bytes);
    assert_eq!(recorded["spool_topic_bytes"], spool.log.high_water_bytes);
    assert_eq!(recorded["log_bytes"], config.sink.log.high_water_bytes);
    assert!(recorded["open_files"] > (config.http.connections_max + config.admin.connections_max) as u64);
    let memory = pod()["containers"][0]["resources"]["limits"]["memory"].as_str().unwrap().to_owned();
    let gibibytes: u64 = memory.strip_suffix("Gi").unwrap().parse().unwrap();
    assert_eq!(recorded["memory_bytes"], gibibytes << 30);
}

/// Image and tag of everything that runs or builds.
fn images() -> BTreeMap<String, String> {
    let compose = yaml("compose.yaml");
    let services = compose["services"].as_object().unwrap();
    let run = services.values().map(|service| service["image"].as_str().unwrap().to_owned());
    let dockerfile = read("Dockerfile");
    let built = dockerfile.lines().filter_map(|line| line.strip_prefix("FROM "));
    let built = built.map(|rest| rest.split(' ').next().unwrap().to_owned());
    let tagged = |image: String| {
        let (name, tag) = image.rsplit_once(':').unwrap_or_else(|| panic!("{image} has no tag"));
        (name.to_owned(), tag.to_owned())
    };
    run.chain(built).map(tagged).collect()
}

#[test]
fn every_image_has_one_version_and_the_gateways_is_this_one() {
    let images = images();
    assert_eq!(images["sluicegate"], env!("CARGO_PKG_VERSION"));
    // The broker that the suites drive is the one that is shipped beside the gateway.
    let broker = std::fs::read_to_string(crate::process::repository("tests/kafka/broker.rs")).unwrap();
    assert!(broker.contains(&format!("\"{}\"", images["apache/kafka"])), "{}", images["apache/kafka"]);
    for (file, text) in files() {
        for (name, tag) in &images {
            assert_ne!(tag, "latest", "{name}");
            for (at, _) in text.match_indices(&format!("{name}:")) {
                let part_of_another =
                    text[..at].ends_with(|c: char| c.is_alphanumeric() || "-_/.".contains(c));
                let rest = &text[at + name.len() + 1..];
                let version = rest.starts_with(|c: char| c.is_ascii_digit() || c == 'v');
                // A host and its port look the same.
                let is_port = !rest.split_whitespace().next().is_some_and(|word| word.contains('.'));
                if !part_of_another && version && !is_port {
                    assert!(
                        rest.starts_with(tag.as_str()),
                        "{file}: {name}:{}",
                        rest.lines().next().unwrap()
                    );
                }
            }
        }
    }
    let kustomization = yaml("kubernetes/kustomization.yaml");
    for image in kustomization["images"].as_array().unwrap() {
        assert_eq!(image["newTag"], env!("CARGO_PKG_VERSION"));
    }
    for file in kustomization["resources"].as_array().unwrap() {
        assert!(!documents(&format!("kubernetes/{}", file.as_str().unwrap())).is_empty());
    }
}

#[test]
fn collectors_listen_where_the_gateway_sends() {
    let alloy = read("alloy/config.alloy");
    let collector = yaml("collector/config.yaml");
    let protocols = &collector["receivers"]["otlp"]["protocols"];
    for (protocol, port) in [("grpc", 4317), ("http", 4318)] {
        let endpoint = format!("0.0.0.0:{port}");
        assert_eq!(protocols[protocol]["endpoint"], endpoint);
        assert!(alloy.contains(&format!("{protocol} {{\n    endpoint = \"{endpoint}\"")), "{protocol}");
    }
    let compose = yaml("compose.yaml");
    let sent = compose["services"]["sluicegate"]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"].as_str();
    assert_eq!(sent, Some("http://alloy:4318"));
    // Both pass on to services of the stack, each at its port.
    let exporters = &collector["exporters"];
    for (endpoint, service) in [
        (&exporters["prometheusremotewrite"]["endpoint"], "prometheus"),
        (&exporters["otlp/tempo"]["endpoint"], "tempo"),
        (&exporters["otlphttp/loki"]["endpoint"], "loki"),
    ] {
        let endpoint = endpoint.as_str().unwrap();
        assert!(alloy.contains(&format!("\"{endpoint}\"")), "{endpoint}");
        assert!(endpoint.contains(&format!("{service}:")), "{endpoint}");
        assert!(compose["services"][service].is_object(), "{service}");
    }
}

#[test]
fn the_tail_rule_keeps_what_the_gateway_calls_rejected_and_failed() {
    use sluicegate::telemetry::RequestStatus;
    let collector = yaml("collector/config.yaml");
    let policies = collector["processors"]["tail_sampling"]["policies"].as_array().unwrap().clone();
    let rule = policies.iter().find(|policy| policy["type"] == "string_attribute").unwrap();
    let kept = &rule["string_attribute"];
    assert_eq!(kept["key"], "sluicegate.request.status");
    assert_eq!(kept["values"], json!([RequestStatus::Rejected.as_str(), RequestStatus::Failed.as_str()]));
    assert!(policies.iter().any(|policy| policy["status_code"]["status_codes"] == json!(["ERROR"])));
}

#[test]
fn the_consumer_reads_headers_that_the_gateway_writes() {
    let consumer = read("consumer/consumer.py");
    let written = sluicegate::config::print_reference();
    for header in ["sluicegate-record-id", "traceparent"] {
        assert!(consumer.contains(header) && written.contains(&format!("\"{header}\"")), "{header}");
    }
}
