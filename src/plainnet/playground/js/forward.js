// The forward pass of a small network, for pages that have no Python behind them. It is the one
// thing that is computed in JavaScript as well; tests hold it to NumPy's numbers.

// erf by its power series near zero and its continued fraction beyond (Abramowitz and Stegun,
// 7.1.5 and 7.1.14): exact to a few units in the last place of a double.
export function erf(x) {
  const size = Math.abs(x);
  if (size > 6) return Math.sign(x);
  if (size < 2.5) {
    let [term, sum] = [x, x];
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n += 1) {
      term *= -x * x / n;
      sum += term / (2 * n + 1);
    }
    return 2 / Math.sqrt(Math.PI) * sum;
  }
  let tail = 0;
  for (let n = 60; n > 0; n -= 1) tail = n / 2 / (size + tail);
  return Math.sign(x) * (1 - Math.exp(-size * size) / Math.sqrt(Math.PI) / (size + tail));
}

const sigmoid = (z) => 1 / (1 + Math.exp(-z));
const softplus = (z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));

const ACTIVATIONS = {
  ReLU: (z) => Math.max(z, 0),
  LeakyReLU: (z, { negative_slope }) => (z > 0 ? z : negative_slope * z),
  ELU: (z, { alpha }) => (z > 0 ? z : alpha * Math.expm1(z)),
  GELU: (z, { approximate }) => (approximate === "tanh"
    ? z * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * z ** 3))) / 2
    : z * (1 + erf(z / Math.SQRT2)) / 2),
  SiLU: (z) => z * sigmoid(z),
  Sigmoid: sigmoid,
  Tanh: Math.tanh,
  Softplus: softplus,
  Mish: (z) => z * Math.tanh(softplus(z)),
};

// A (m rows of n_in) @ W.T + b, with W as it lies in the vector of all parameters: (n_in, n_out).
function dense(A, m, { n_in, n_out, W, b }, parameters) {
  const Z = new Float64Array(m * n_out);
  for (let row = 0; row < m; row += 1) {
    const at = row * n_out;
    if (b != null) for (let j = 0; j < n_out; j += 1) Z[at + j] = parameters[b + j];
    for (let i = 0; i < n_in; i += 1) {
      const value = A[row * n_in + i];
      if (value === 0) continue;
      const start = W + i * n_out;
      for (let j = 0; j < n_out; j += 1) Z[at + j] += value * parameters[start + j];
    }
  }
  return Z;
}

function batchNorm(A, m, op, parameters, state) {
  const { features, gamma, beta, mean, variance, epsilon } = op;
  const Y = new Float64Array(A.length);
  for (let j = 0; j < features; j += 1) {
    const scale = parameters[gamma + j] / Math.sqrt(state[variance + j] + epsilon);
    const shift = parameters[beta + j] - scale * state[mean + j];
    for (let at = j; at < m * features; at += features) Y[at] = scale * A[at] + shift;
  }
  return Y;
}

// The output of each layer for m rows, by the layers' names.
export function forwardPass(layers, X, m, parameters, state) {
  const outputs = {};
  let A = X;
  for (const { name, op } of layers) {
    if (op.kind === "Dense") A = dense(A, m, op, parameters);
    else if (op.kind === "BatchNorm") A = batchNorm(A, m, op, parameters, state);
    else if (op.kind in ACTIVATIONS) A = Float64Array.from(A, (z) => ACTIVATIONS[op.kind](z, op));
    outputs[name] = A; // of the others, such as dropout, the input is the output
  }
  return outputs;
}

// What the loss makes of the last pre-activations, in place of them: probabilities of k classes.
export function activated(Z, m, k, activation) {
  if (activation === "none") return Z;
  if (activation === "sigmoid") return Z.map(sigmoid);
  const P = new Float64Array(Z.length);
  for (let row = 0; row < m; row += 1) {
    const own = Z.subarray(row * k, (row + 1) * k);
    const largest = Math.max(...own);
    const powers = own.map((z) => Math.exp(z - largest));
    const sum = powers.reduce((a, b) => a + b, 0);
    P.set(powers.map((power) => power / sum), row * k);
  }
  return P;
}
