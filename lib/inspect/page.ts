/** The page of a recording: one HTML file with the graph, its layout and the script that searches, zooms and finds paths. */
import type { Graph } from './graph.js';
import { showBytes } from './picture.js';

const kColumn = 190;
const kRow = 84;

/** Places for the nodes: rows by the longest way from a leaf, in each row near the nodes above. */
function layoutOf({ nodes, edges }: Graph): ReadonlyMap<number, readonly [number, number]> {
  const above = new Map<number, number[]>(nodes.map(({ id }) => [id, []]));
  for (const { from, to } of edges) above.get(to)?.push(from);
  const rowOf = new Map<number, number>();
  const rows: number[][] = [];
  for (const { id } of [...nodes].sort((a, b) => a.id - b.id)) {
    const row = 1 + Math.max(-1, ...(above.get(id) ?? []).map((from) => rowOf.get(from) ?? -1));
    rowOf.set(id, row);
    rows[row] ??= [];
    rows[row].push(id);
  }
  const places = new Map<number, readonly [number, number]>();
  for (const [row, ids] of rows.entries()) {
    const wanted = (id: number): number => {
      const columns = (above.get(id) ?? []).flatMap((from) => places.get(from)?.[0] ?? []);
      return columns.reduce((sum, x) => sum + x, 0) / (columns.length || 1);
    };
    const ordered = [...ids].sort((a, b) => wanted(a) - wanted(b) || a - b);
    for (const [column, id] of ordered.entries()) places.set(id, [column * kColumn, row * kRow]);
  }
  return places;
}

const style = `body{margin:0;font:14px system-ui,sans-serif;display:flex;flex-direction:column;height:100vh}
header{padding:8px 12px;border-bottom:1px solid #bbb;display:flex;gap:12px;align-items:center}
#says{flex:1}svg{flex:1;width:100%;cursor:grab;background:#fafafa}
.node rect{fill:#fff;stroke:#456;rx:5}.node.leaf rect{fill:#e3f0ff;rx:22}.node{cursor:pointer}
.node.target rect{stroke:#a40;stroke-width:4}.node.source rect{stroke:#06c;stroke-width:4}
.node.path rect{fill:#d7f5d7}.node.broken rect{fill:#ffe0d6}.node.dim{opacity:.25}
.edge{stroke:#789;fill:none;stroke-width:1.3}.edge.cut{stroke-dasharray:5 4}.edge.path{stroke:#090;stroke-width:3.5}.edge.broken{stroke:#d40;stroke-width:3.5}
text{pointer-events:none}text.small{font-size:11px;fill:#555}`;

const script = `const graph=JSON.parse(document.getElementById('graph').textContent);
const svg=document.querySelector('svg'),says=document.getElementById('says');
const make=(name,set,parent)=>{const e=document.createElementNS('http://www.w3.org/2000/svg',name);
 for(const k in set)e.setAttribute(k,set[k]);parent.append(e);return e};
const byId=new Map(graph.nodes.map(n=>[n.id,n]));
for(const e of graph.edges){const a=byId.get(e.from),b=byId.get(e.to);
 e.line=make('path',{class:'edge'+(e.why?' cut':''),d:'M'+(a.x+80)+' '+(a.y+52)+'C'+(a.x+80)+' '+(a.y+72)+' '+(b.x+80)+' '+(b.y-20)+' '+(b.x+80)+' '+b.y},svg)}
for(const n of graph.nodes){n.group=make('g',{class:'node'+(n.leaf?' leaf':''),transform:'translate('+n.x+' '+n.y+')','data-id':n.id,'data-label':n.label},svg);
 make('rect',{width:160,height:52},n.group);make('title',{},n.group).textContent=n.label+(n.at?'\\n'+n.at:'');
 make('text',{x:80,y:18,'text-anchor':'middle'},n.group).textContent=n.label;
 make('text',{x:80,y:33,'text-anchor':'middle',class:'small'},n.group).textContent=n.dtype+' '+n.shape+(n.keeps?', keeps '+n.keeps:'');
 make('text',{x:80,y:46,'text-anchor':'middle',class:'small'},n.group).textContent=n.at?n.at.replace(/^.*[\\\\/]/,''):'';
 n.group.addEventListener('click',()=>pick(n))}
 let target=null,source=null;
const find=admits=>{const next=new Map(),queue=[target.id];
 for(const to of queue)for(const e of graph.edges)if(e.to===to&&e.from!==target.id&&!next.has(e.from)&&admits(e)){next.set(e.from,e);queue.push(e.from)}
 if(!next.has(source.id))return null;const path=[];
 for(let id=source.id;id!==target.id;id=next.get(id).to)path.push(next.get(id));return path};
const clear=()=>{for(const x of [...graph.nodes.map(n=>n.group),...graph.edges.map(e=>e.line)])x.classList.remove('path','broken','target','source')};
const pick=n=>{if(!target||source){clear();target=n;source=null;n.group.classList.add('target');
  says.textContent='Target: '+n.label+'. Click a source.';return}
 source=n;n.group.classList.add('source');
 if(n===target){says.textContent='CONNECTED: the target is the source.';return}
 const good=find(e=>!e.why),path=good||find(()=>true),kind=good?'path':'broken';
 if(!path){says.textContent='NOT_ON_PATH: no op that the tape recorded leads from '+n.label+' to '+target.label+'. What was computed outside of the tape, or left the library as numbers, is not in this picture: tape.explain(target, source) tells.';return}
 for(const e of path){e.line.classList.add(kind);byId.get(e.from).group.classList.add(kind);byId.get(e.to).group.classList.add(kind)}
 says.textContent=good?'CONNECTED: '+[n.label,...path.map(e=>byId.get(e.to).label)].join(' \\u2192 ')+(path.some(e=>byId.get(e.to).custom)?'; a custom gradient on the way may give null: tape.explain(target, source) tells.':''):path.find(e=>e.why).why};
document.getElementById('search').addEventListener('input',({target:{value}})=>{
 const words=value.toLowerCase();for(const n of graph.nodes)n.group.classList.toggle('dim',words!==''&&!(n.label+' '+n.dtype+' '+n.shape+' '+(n.at||'')).toLowerCase().includes(words))});
 let box=[-20,-20,Math.max(400,...graph.nodes.map(n=>n.x+200)),Math.max(300,...graph.nodes.map(n=>n.y+92))];
const show=()=>svg.setAttribute('viewBox',box.join(' '));show();
svg.addEventListener('wheel',e=>{e.preventDefault();const f=Math.exp(e.deltaY/500),r=svg.getBoundingClientRect(),u=(e.clientX-r.left)/r.width,v=(e.clientY-r.top)/r.height;
 box=[box[0]+box[2]*(1-f)*u,box[1]+box[3]*(1-f)*v,box[2]*f,box[3]*f];show()},{passive:false});
 let drag=null;svg.addEventListener('pointerdown',e=>{drag=[e.clientX,e.clientY]});addEventListener('pointerup',()=>{drag=null});
addEventListener('pointermove',e=>{if(!drag)return;const s=Math.max(box[2]/svg.clientWidth,box[3]/svg.clientHeight);
 box[0]-=(e.clientX-drag[0])*s;box[1]-=(e.clientY-drag[1])*s;drag=[e.clientX,e.clientY];show()});`;

/** The page. Its data are JSON in which no tag can end. */
export function pageOf(graph: Graph): string {
  const places = layoutOf(graph);
  const nodes = graph.nodes.map(({ bytes, ...node }) => {
    const [x, y] = places.get(node.id) as readonly [number, number];
    return { ...node, x, y, keeps: bytes > 0 ? showBytes(bytes) : '' };
  });
  const kept = graph.nodes.reduce((sum, { bytes }) => sum + bytes, 0);
  const data = JSON.stringify({ nodes, edges: graph.edges }).replace(/</g, '\\u003c');
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>gradtape: a recording</title><style>${style}</style></head>
<body><header><strong>${nodes.length} values, ${showBytes(kept)} kept</strong>
<input id="search" type="search" placeholder="search op, shape, line"><span id="says">Click a target, then a source.</span></header>
<svg xmlns="http://www.w3.org/2000/svg"></svg>
<script id="graph" type="application/json">${data}</script>
<script>${script}</script></body></html>
`;
}
