"""What chargen is measured against: a character model in plain PyTorch, as tutorials write it."""

import torch
from torch import nn
from torch.nn import functional as F

LAYERS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


class PlainModel(nn.Module):
    """One-hot floats through the library's recurrent layers to a linear layer, in float32."""

    def __init__(self, vocab_size, cell, hidden_size, num_layers=1):
        super().__init__()
        self.vocab_size = vocab_size
        self.rnn = LAYERS[cell](vocab_size, hidden_size, num_layers, batch_first=True)
        self.output = nn.Linear(hidden_size, vocab_size)

    def forward(self, X, state=None):
        output, state = self.rnn(F.one_hot(X, self.vocab_size).float(), state)
        return self.output(output), state


def train(model, ids, batch_size, num_steps, learning_rate=2e-3):
    """Train with Adam on batches in sequence, reading the loss of every step; yield it."""
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    length = (len(ids) - 1) // batch_size
    X = ids[: batch_size * length].view(batch_size, length)
    Y = ids[1 : batch_size * length + 1].view(batch_size, length)
    while True:
        state = None
        for t in range(0, length - num_steps + 1, num_steps):
            logits, state = model(X[:, t : t + num_steps], state)
            state = tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()
            loss = F.cross_entropy(logits.reshape(-1, model.vocab_size), Y[:, t : t + num_steps].reshape(-1))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            yield loss.item()


@torch.no_grad()
def evaluate(model, ids, rows=32):
    """Return the mean loss of predicting `ids`, (characters,), read in rows side by side."""
    model.eval()
    length = (len(ids) - 1) // rows
    X, Y = (ids[begin : rows * length + begin].view(rows, length) for begin in (0, 1))
    logits, _ = model(X)
    model.train()
    return F.cross_entropy(logits.flatten(0, 1), Y.flatten()).item()


@torch.no_grad()
def sample(model, prefix, length, temperature=0.8):
    """Return ids written after `prefix`, ids of shape (1, T)."""
    model.eval()
    logits, state = model(prefix)
    written = []
    for _ in range(length):
        probabilities = F.softmax(logits[:, -1] / temperature, dim=-1)
        next_id = torch.multinomial(probabilities, 1)
        written.append(next_id.item())
        logits, state = model(next_id, state)
    return written
