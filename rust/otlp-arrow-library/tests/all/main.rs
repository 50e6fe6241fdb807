// SPDX-License-Identifier: Apache-2.0

//! The library as programs use it.

#![forbid(unsafe_code)]

mod config;
mod errors;
mod fields;
mod hostile;
mod mock;
mod threads;
mod world;
