// Which memory results get: what died last, since it is in the nearest cache.
import { describe, expect, it } from 'vitest';
import { allocate } from '../../lib/engine/buffers.js';
import { bytesAlive } from '../../lib/engine/slabs.js';
import { child } from '../support/child.js';

describe('slabs', () => {
  it('a loop has those again that died last, though many more lie idle', () => {
    const many = Array.from({ length: 1500 }, () => allocate('float32', 10_000));
    expect(new Set(many.map((one) => one.address)).size).toBe(1500);
    many.length = 0;
    bytesAlive(); // from here on they are idle
    const addresses = new Set<number>();
    for (let i = 0; i < 3000; i++) addresses.add(allocate('float32', 10_000).address);
    expect(addresses.size).toBeLessThan(1000); // 100, or 600 where collections are slow
  });

  it('steps whose results are kept until the next step cause few full collections', async () => {
    const [full, bytes] = await child<number[]>(`
      const { PerformanceObserver, constants } = require('node:perf_hooks');
      let full = 0, kept;
      const count = ({ detail }) => { full += Number(detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR); };
      new PerformanceObserver((list) => list.getEntries().forEach(count)).observe({ entryTypes: ['gc'] });
      const x = tf.random.normal([3e6], { seed: 1 }), row = tf.ones([1000]);
      for (let i = 0; i < 100; i++) tf.evaluate((kept = [x.mul(1.5), x.add(1), row.mul(2)]));
      await sleep(100);
      done([full, (tf.memory().bytes + tf.memory().idleBytes) / MB]);`);
    expect(full).toBeLessThan(15); // each takes longer than a step
    expect(bytes).toBeLessThan(250); // 36 are alive
  });
});
