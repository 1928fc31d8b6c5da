// Which memory results get: what died last, since it is in the nearest cache.
import { describe, expect, it } from 'vitest';
import { allocate, bytesAlive } from '../../lib/engine/memory.js';

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
});
