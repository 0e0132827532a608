//! Small models, through the functions and through the executor.

mod errors;
mod models;
mod steps;
mod types;
