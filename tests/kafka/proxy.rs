//! A TCP proxy between the gateway and the broker that cuts, delays or swallows what passes.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub struct Proxy {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    target: Mutex<Option<SocketAddr>>,
    fault: Mutex<Fault>,
    /// Both ends of each connection that passes.
    open: Mutex<Vec<TcpStream>>,
}

/// What happens to the bytes that pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Each piece is late.
    Delay(Duration),
    /// Nothing passes, and nobody is told.
    Blackhole,
    /// New connections are refused at once.
    Refuse,
    /// The next ProduceRequest passes whole; its answer, and the connection, are lost.
    CutAfterProduce,
}

/// The API key of a ProduceRequest, in the first bytes of a request behind its length.
const PRODUCE: [u8; 2] = [0, 0];

impl Proxy {
    pub fn start() -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            target: Mutex::new(None),
            fault: Mutex::new(Fault::None),
            open: Mutex::default(),
        });
        let accepting = shared.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                accepting.pass(client);
            }
        });
        Proxy { address, shared }
    }

    pub fn lead_to(&self, target: SocketAddr) {
        *self.shared.target.lock().unwrap() = Some(target);
    }

    pub fn set(&self, fault: Fault) {
        *self.shared.fault.lock().unwrap() = fault;
    }

    /// Resets every connection.
    pub fn cut(&self) {
        for stream in self.shared.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn fault(&self) -> Fault {
        *self.fault.lock().unwrap()
    }

    fn pass(self: &Arc<Self>, client: TcpStream) {
        let target = *self.target.lock().unwrap();
        let (false, Some(target)) = (self.fault() == Fault::Refuse, target) else { return };
        let Ok(server) = TcpStream::connect(target) else { return };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let both = [client.try_clone().unwrap(), server.try_clone().unwrap()];
        self.open.lock().unwrap().extend(both);
        for (from, to, asks) in
            [(client.try_clone().unwrap(), server.try_clone().unwrap(), true), (server, client, false)]
        {
            let shared = self.clone();
            std::thread::spawn(move || shared.pump(from, to, asks));
        }
    }

    fn pump(&self, mut from: TcpStream, mut to: TcpStream, asks: bool) {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let fault = self.fault();
            match fault {
                Fault::Delay(delay) => std::thread::park_timeout(delay),
                Fault::Blackhole => {
                    // Held until it is over: TCP would do the same with a cable pulled.
                    while self.fault() == Fault::Blackhole {
                        std::thread::park_timeout(Duration::from_millis(5));
                    }
                }
                Fault::None | Fault::Refuse | Fault::CutAfterProduce => {}
            }
            if to.write_all(&buffer[..count]).is_err() {
                break;
            }
            let is_produce = asks && count > 6 && buffer[4..6] == PRODUCE;
            if fault == Fault::CutAfterProduce && is_produce {
                *self.fault.lock().unwrap() = Fault::None;
                // The broker has time to take it; the answer is lost.
                std::thread::park_timeout(Duration::from_millis(20));
                break;
            }
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }
}
