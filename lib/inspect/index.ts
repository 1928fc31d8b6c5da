/**
 * What other rooms take of inspect/. The built library loads what stands behind this file when it is first called: all
 * its values are functions.
 */
export { type Explanation, type ExplanationCode, explain, explainConsumed, type Inquiry } from './explain.js';
export { type Graph, graphOf } from './graph.js';
export { pageOf } from './page.js';
export { dotOf, showBytes, svgOf } from './picture.js';
export { type Profile, type ProfileRow, profile, profileOfTape } from './profile.js';
export { tableOf } from './table.js';
