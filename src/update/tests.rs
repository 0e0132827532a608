mod machine;
mod power;
mod sim;
mod updates;
