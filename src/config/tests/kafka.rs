//! `[kafka]` and `[spool]`.

use super::*;

#[test]
fn a_flag_a_variable_and_a_file_name_the_brokers_in_this_order() {
    let file = "[kafka]\nbrokers = \"from-file:9092\"\n";
    let variables = [("KAFKA_BROKER", "old:9092"), ("SLUICEGATE__KAFKA__BROKERS", "from-variable:9092")];
    let brokers = |text: &str, variables: &[(&str, &str)], flag: Option<&str>| {
        let flags = Flags { kafka: flag.map(str::to_owned), ..Flags::default() };
        load_with(text, variables, flags).unwrap().sink.kafka.unwrap().brokers
    };
    assert_eq!(brokers(file, &variables, Some("from-flag:9092")), "from-flag:9092");
    assert_eq!(brokers(file, &variables, None), "from-variable:9092");
    assert_eq!(brokers(file, &variables[..1], None), "from-file:9092");
    assert_eq!(brokers("", &variables[..1], None), "old:9092");
}

#[test]
fn what_is_wrong_about_kafka_is_said_all_at_once() {
    assert_problems(
        r#"
[kafka]
brokers = "kafka"
compression = "rar"
tls = "yes"
ca_file = "/no/such/file"
sasl_username = "gateway"
"#,
        &[
            "3: kafka.brokers = \"kafka\": \"kafka\" is no broker's address; write host:port, with commas between",
            "4: kafka.compression = \"rar\": it is none of the choices; write \"none\" or \"gzip\" or \"snappy\" or \
             \"lz4\" or \"zstd\"",
            "5: kafka.tls = \"yes\": it is neither true nor false; write true or false, without quotes",
            "6: kafka.ca_file = \"/no/such/file\": it cannot be read (No such file or directory (os error 2)); name a \
             file that this user may read",
            "kafka.sasl_username: it has no effect without kafka.sasl_mechanism; set all three of sasl_mechanism, \
             sasl_username and sasl_password, or none",
        ],
    );
    assert_problems(
        "[kafka]\nbrokers = \"k:9092\"\nsasl_mechanism = \"PLAIN\"\nsasl_username = \"gateway\"\n",
        &[
            "kafka.sasl_password: it is missing, and kafka.sasl_mechanism is set; set all three of sasl_mechanism, \
           sasl_username and sasl_password, or none",
        ],
    );
}

#[test]
fn properties_pass_unless_they_would_break_the_promise() {
    let config =
        load("[kafka]\nbrokers = \"k:9092\"\n[kafka.properties]\n\"socket.timeout.ms\" = 5000\n").unwrap();
    assert_eq!(config.sink.kafka.unwrap().properties["socket.timeout.ms"], "5000");
    assert_problems(
        r#"
[kafka]
brokers = "k:9092"
[kafka.properties]
"acks" = 1
"message.timeout.ms" = 1000
"no.such" = 1
"#,
        &[
            "kafka.properties.acks: it cannot be set; an answer of 200 means that all in-sync replicas have the record",
            "kafka.properties.message.timeout.ms: it cannot be set; a record that expired would let later ones \
             overtake it; the spool takes what waits too long",
            "kafka.properties.no.such = 1: the Kafka client does not take it (No such configuration property: \
             \"no.such\"); see the table of librdkafka's properties",
        ],
    );
}

#[test]
fn a_topics_share_of_the_spool_has_to_hold_two_of_its_files() {
    let spool = |text: &str| {
        let config = load(&format!("[kafka]\nbrokers = \"k:9092\"\n[spool]\n{text}"));
        config.map(|config| config.sink.kafka.unwrap().spool.unwrap())
    };
    let shared = spool("high_water_bytes = \"1GiB\"\ntopic_share_percent = 25\n").unwrap();
    assert_eq!((shared.high_water_bytes, shared.log.high_water_bytes), (1 << 30, 1 << 28));
    assert_problems(
        "[kafka]\nbrokers = \"k:9092\"\n[spool]\nhigh_water_bytes = \"200MiB\"\n",
        &[
            "2 * spool.segment_bytes = 134217728: it is above spool.topic_share_percent of spool.high_water_bytes = \
             104857600, so that the last file alone would keep the log full; lower 2 * spool.segment_bytes or \
             raise spool.topic_share_percent of spool.high_water_bytes",
        ],
    );
    assert_problems(
        "[kafka]\nbrokers = \"k:9092\"\n[spool]\ntopic_share_percent = 0\n",
        &["4: spool.topic_share_percent = 0: it is below 1; write a whole number of at least 1"],
    );
}

#[test]
fn a_spool_whose_files_are_too_small_is_refused_before_the_first_outage() {
    assert_problems(
        r#"
[kafka]
brokers = "k:9092"
[spool]
segment_bytes = "256KiB"
"#,
        &[
            "spool.commit_bytes_max + 64KiB = 4259840: it is above spool.segment_bytes = 262144, so that what one \
             sync covers would not fit into a file; lower spool.commit_bytes_max + 64KiB or raise spool.segment_bytes",
            "http.record_bytes_max + plugins.limits.output_bytes_max + 64KiB = 17891328: it is above \
             spool.segment_bytes = 262144, so that the largest record could not fit into a file of the spool; lower \
             http.record_bytes_max or plugins.limits.output_bytes_max, or raise spool.segment_bytes",
        ],
    );
}
