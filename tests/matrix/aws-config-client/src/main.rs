//! Asks AWS who it is, once for each line that comes, as any program that uses the AWS SDK for Rust does.

use std::error::Error;

use aws_config::BehaviorVersion;
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let sts = aws_sdk_sts::Client::new(&config);
    println!("ready");
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while lines.next_line().await?.is_some() {
        let identity = sts.get_caller_identity().send().await?;
        println!("{}", identity.arn().unwrap_or("nobody"));
    }
    Ok(())
}
