// How much a process grows while a loop that never yields runs other groups' steps; each in a process of its own.

export const title = 'Memory: growth over a loop that never yields';

export const cases = [
  { id: 'memory-elementwise', name: 'gradients of 1e6 elements', steps: 2000, of: 'fused-gradient-1e6', unit: 'MB' },
  { id: 'memory-training', name: 'SGD steps of the network', steps: 2000, of: 'mlp-sgd', unit: 'MB' },
  { id: 'memory-scalar', name: 'seed gradients', steps: 100_000, of: 'seed-gradient', unit: 'MB' },
];
