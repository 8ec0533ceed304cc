//! A real Apache Kafka broker: one node in KRaft mode, on free ports, with its data in a temporary directory.

use crate::process::PATIENCE;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const VERSION: &str = "4.3.1";
/// Any will do, as no two brokers of ours meet; to have one made costs a start of Java.
const CLUSTER: &str = "4L6g3nShT-eMCtK--X86sw";

pub struct Broker {
    directory: tempfile::TempDir,
    /// For everybody but the gateway.
    pub address: SocketAddr,
    /// What the gateway's connections are told to use: itself, or a proxy in front.
    pub gateway_address: SocketAddr,
    /// For those with a password, by TLS.
    pub secure_address: SocketAddr,
    child: Option<Child>,
}

impl Broker {
    /// Formats its storage and starts it.
    pub fn start() -> Broker {
        Broker::behind(None)
    }

    /// One that tells the gateway to come by way of a proxy, which is told where the broker really is.
    pub fn behind(proxy: Option<&crate::proxy::Proxy>) -> Broker {
        let directory = tempfile::tempdir().unwrap();
        let [address, behind, secure_address, controller] = [free(), free(), free(), free()];
        certify(directory.path());
        let here = directory.path().display();
        let gateway_address = proxy.map_or(behind, |proxy| proxy.address);
        if let Some(proxy) = proxy {
            proxy.lead_to(behind);
        }
        let properties = format!(
            "process.roles=broker,controller\nnode.id=1\n\
             controller.quorum.bootstrap.servers={controller}\n\
             listeners=PLAINTEXT://{address},GATEWAY://{behind},SECURE://{secure_address},CONTROLLER://{controller}\n\
             advertised.listeners=PLAINTEXT://{address},GATEWAY://{gateway_address},SECURE://{secure_address}\n\
             inter.broker.listener.name=PLAINTEXT\ncontroller.listener.names=CONTROLLER\n\
             listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,GATEWAY:PLAINTEXT,SECURE:SASL_SSL\n\
             listener.name.secure.sasl.enabled.mechanisms=SCRAM-SHA-512\n\
             listener.name.secure.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;\n\
             listener.name.secure.ssl.keystore.type=PEM\nlistener.name.secure.ssl.keystore.location={here}/broker.pem\n\
             authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n\
             super.users=User:ANONYMOUS;User:gateway\n\
             offsets.topic.replication.factor=1\ntransaction.state.log.replication.factor=1\n\
             transaction.state.log.min.isr=1\nshare.coordinator.state.topic.replication.factor=1\n\
             share.coordinator.state.topic.min.isr=1\nauto.create.topics.enable=false\n\
             file.delete.delay.ms=1000\nlog.dirs={here}/data\n",
        );
        std::fs::write(directory.path().join("server.properties"), properties).unwrap();
        let mut broker = Broker { directory, address, gateway_address, secure_address, child: None };
        let formatted = java("kafka.tools.StorageTool")
            .args(["format", "--standalone", "-t", CLUSTER, "-c"])
            .arg(broker.properties())
            .args(["--add-scram", "SCRAM-SHA-512=[name=gateway,password=secret]"])
            .args(["--add-scram", "SCRAM-SHA-512=[name=stranger,password=secret]"])
            .output()
            .unwrap();
        assert!(formatted.status.success(), "{}", String::from_utf8_lossy(&formatted.stderr));
        broker.run();
        broker
    }

    /// The certificate of the authority that signed the broker's.
    pub fn authority(&self) -> PathBuf {
        self.directory.path().join("authority.pem")
    }

    fn properties(&self) -> PathBuf {
        self.directory.path().join("server.properties")
    }

    /// Starts it on its data, and waits until it serves.
    pub fn run(&mut self) {
        let log = self.directory.path().join("log");
        let output = File::create(&log).unwrap();
        let child = java("kafka.Kafka")
            .arg(self.properties())
            .stderr(output.try_clone().unwrap())
            .stdout(output)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let start = Instant::now();
        while !(started(&log) && TcpStream::connect(self.address).is_ok()) {
            assert!(start.elapsed() < 2 * PATIENCE, "{}", std::fs::read_to_string(&log).unwrap());
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    pub fn create_topic(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        let created = block_on(self.admin().create_topics([&topic], &AdminOptions::new()));
        created.unwrap().into_iter().for_each(|result| drop(result.unwrap()));
    }

    pub fn has_topic(&self, name: &str) -> bool {
        let metadata = self.admin().inner().fetch_metadata(None, PATIENCE).unwrap();
        metadata.topics().iter().any(|topic| topic.name() == name)
    }

    pub fn delete_topic(&self, name: &str) {
        let deleted = block_on(self.admin().delete_topics(&[name], &AdminOptions::new()));
        deleted.unwrap().into_iter().for_each(|result| drop(result.unwrap()));
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.address.to_string()).create().unwrap()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

fn started(log: &Path) -> bool {
    std::fs::read_to_string(log).is_ok_and(|log| log.contains("Kafka Server started"))
}

/// A certificate for loopback, which is its own authority, and its key beside it for the broker.
fn certify(directory: &Path) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "authority.pem"])
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let [key, certificate] =
        ["key.pem", "authority.pem"].map(|name| std::fs::read_to_string(directory.join(name)).unwrap());
    std::fs::write(directory.join("broker.pem"), key + &certificate).unwrap();
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn java(class: &str) -> Command {
    let mut command = Command::new("java");
    command.args(["-Xmx512m", "-cp"]).arg(libraries().join("*")).arg(class);
    command
}

/// Kafka's own jars, fetched once a machine.
fn libraries() -> &'static Path {
    static LIBRARIES: OnceLock<PathBuf> = OnceLock::new();
    LIBRARIES.get_or_init(|| {
        let cache = std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))
            .expect("HOME or XDG_CACHE_HOME says where the broker may be kept");
        let home = cache.join(format!("sluicegate/kafka-{VERSION}"));
        let complete = home.join("complete");
        if !complete.exists() {
            std::fs::create_dir_all(&home).unwrap();
            std::fs::write(home.join("pom.xml"), include_str!("pom.xml")).unwrap();
            let fetched = Command::new("mvn")
                .args(["-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=libs"])
                .current_dir(&home)
                .status()
                .expect("mvn fetches the broker");
            assert!(fetched.success());
            std::fs::write(complete, "").unwrap();
        }
        home.join("libs")
    })
}
