// SPDX-License-Identifier: Apache-2.0

//! The service, started by a program: listens on its ports until a line, or the end
//! of the file, comes on standard input.
//!
//!     cargo run --example standalone -- [DIRECTORY [--once]]
//!
//! With `--once` it sends itself one span over a port and ends.  Further settings come
//! from the environment, as the service takes them: `OTLP_STORAGE_COMPRESSION=lz4`.

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use otlp_arrow_library::{ConfigLoader, OtlpLibrary};

const REQUEST: &str = r#"{"resourceSpans": [{"scopeSpans": [{"spans": [{
    "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174",
    "name": "hello", "kind": 1, "startTimeUnixNano": "1544712660000000000",
    "endTimeUnixNano": "1544712661000000000"}]}]}]}"#;

/// OTLP/JSON over HTTP, as any client could send it.
fn send(port: u16) -> Result<(), Box<dyn Error>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    write!(
        stream,
        "POST /v1/traces HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{REQUEST}",
        REQUEST.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 200") {
        return Ok(());
    }
    Err(answer.into())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let once = arguments.get(1).is_some_and(|a| a == "--once");
    let port = |wanted| if once { 0 } else { wanted };
    let mut config = ConfigLoader::from_env()?;
    if let Some(directory) = arguments.first() {
        config.output_dir = directory.into();
    }
    config.protocols.protobuf_enabled = true;
    config.protocols.protobuf_port = port(config.protocols.protobuf_port);
    config.protocols.arrow_flight_enabled = true;
    config.protocols.arrow_flight_port = port(config.protocols.arrow_flight_port);
    config.dashboard.enabled = true;
    config.dashboard.port = port(config.dashboard.port);
    let library = OtlpLibrary::new_blocking(config)?;
    if once {
        send(library.ports().protobuf.ok_or("no port")?)?;
    } else {
        eprintln!("listening: {:?}; Enter ends", library.ports());
        std::io::stdin().read_line(&mut String::new())?;
    }
    library.shutdown_blocking(Duration::from_secs(10))?;
    let stats = library.stats()?;
    println!(
        "{{\"traces\": {}, \"metrics\": {}, \"logs\": {}}}",
        stats.traces.stored, stats.metrics.stored, stats.logs.stored
    );
    Ok(())
}
