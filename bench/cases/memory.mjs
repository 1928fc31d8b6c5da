// How much memory a loop that never yields takes; each in a process of its own. `of` is the case whose step it runs.

export const title = 'Memory: growth over a loop that never yields, and the peak of the whole process';

const training = { steps: 2000, of: 'mlp-sgd', unit: 'MB' };

export const cases = [
  {
    id: 'memory-elementwise',
    name: 'gradients of 1e6 elements',
    steps: 2000,
    of: 'fused-gradient-1e6',
    unit: 'MB',
    figure: 'growth',
  },
  { id: 'memory-training', name: 'SGD steps of the network', ...training, figure: 'growth' },
  { id: 'memory-training-peak', name: 'the same, peak', ...training, steps: 400, figure: 'peak', beside: true },
  {
    id: 'memory-scalar',
    name: 'seed gradients',
    steps: 100_000,
    of: 'seed-gradient',
    unit: 'MB',
    figure: 'growth',
  },
];
