// `npm start`: sets up what is missing, then runs the tour.
import { bootstrap } from './bootstrap.mjs';
import { main } from './common.mjs';

await main(async () => {
  await bootstrap();
  await import('../examples/tour/main.mjs');
});
