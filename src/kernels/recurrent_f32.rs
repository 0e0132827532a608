//! LSTM, GRU and RNN.
