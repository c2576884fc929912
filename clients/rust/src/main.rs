//! Sends a message to a node, then shows what the node has, whom it knows and how it is.
//! `cargo run -- tcp://127.0.0.1:7004 apple`
use gossip_client_example::{Client, Result, STATUS};

const PEERS: u64 = 35;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let mut node = Client::connect(&arguments[1]).await?;
    println!("sent {}", node.publish(arguments[2].as_bytes(), Some(1)).await?);
    for message in node.messages("all").await? {
        println!("{} {} {}", message[1], String::from_utf8_lossy(message[7].as_slice().unwrap_or(b"")), message[6]);
    }
    for peer in node.ask(PEERS, &[], None).await?[0].as_array().into_iter().flatten() {
        println!("peer {peer}");
    }
    println!("{}", node.ask(STATUS, &[], None).await?[0]);
    Ok(())
}
