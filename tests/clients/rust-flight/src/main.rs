// SPDX-License-Identifier: Apache-2.0
//! `URL SIGNAL FILE` puts a stream file by DoPut and prints the answers, a
//! line each; `URL SIGNAL` reads the signal back and prints its rows.

use std::{env, error::Error, fs::File};

use arrow_flight::{
    encode::{DictionaryHandling, FlightDataEncoderBuilder},
    FlightClient, FlightDescriptor,
};
use arrow_ipc::reader::StreamReader;
use futures::{stream, TryStreamExt};
use tonic::transport::Channel;

type Outcome = Result<(), Box<dyn Error>>;

async fn put(client: &mut FlightClient, descriptor: FlightDescriptor, file: &str) -> Outcome {
    let reader = StreamReader::try_new(File::open(file)?, None)?;
    let schema = reader.schema();
    let batches: Vec<_> = reader.map(|batch| batch.map_err(Into::into)).collect();
    let messages = FlightDataEncoderBuilder::new()
        .with_schema(schema)
        .with_flight_descriptor(Some(descriptor))
        .with_dictionary_handling(DictionaryHandling::Resend)
        // A batch that is cut would cut the requests in it.
        .with_max_flight_data_size(usize::MAX)
        .build(stream::iter(batches));
    let mut results = client.do_put(messages).await?;
    while let Some(result) = results.try_next().await? {
        println!("{}", String::from_utf8(result.app_metadata.to_vec())?);
    }
    Ok(())
}

async fn get(client: &mut FlightClient, descriptor: FlightDescriptor) -> Outcome {
    let mut rows = 0;
    for endpoint in client.get_flight_info(descriptor).await?.endpoint {
        let ticket = endpoint.ticket.ok_or("an endpoint without a ticket")?;
        let mut batches = client.do_get(ticket).await?;
        while let Some(batch) = batches.try_next().await? {
            rows += batch.num_rows();
        }
    }
    println!("{rows}");
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [url, signal, file @ ..] = arguments.as_slice() else {
        return Err("usage: URL SIGNAL [FILE]".into());
    };
    let channel = Channel::from_shared(url.clone())?.connect().await?;
    let mut client = FlightClient::new(channel);
    let descriptor = FlightDescriptor::new_path(vec![signal.clone()]);
    match file.first() {
        Some(file) => put(&mut client, descriptor, file).await,
        None => get(&mut client, descriptor).await,
    }
}
