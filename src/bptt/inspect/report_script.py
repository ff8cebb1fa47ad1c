"""Style and script of a report's page."""

STYLE = """
:root{color-scheme:light dark;--text:#111;--back:#fff;--line:#777;--soft:#ddd;--plus:0,90,200;
--minus:215,95,0}
@media(prefers-color-scheme:dark){:root{--text:#eee;--back:#161616;--line:#999;--soft:#3a3a3a;
--plus:70,150,255;--minus:255,140,40}}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;color:var(--text);background:var(--back);margin:auto;
max-width:1200px;padding:1rem}
h1{font-size:1.6rem;overflow-wrap:anywhere}h2{font-size:1.3rem;margin-top:2rem}
h3{font-size:1rem;margin:0 0 .3rem;overflow-wrap:anywhere}
#steps{font:15px/1.75 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere;
border:1px solid var(--line);padding:.5rem;max-height:26rem;overflow:auto}
#steps.words{font-family:inherit}#steps.series{padding:0;max-height:none}
#steps.series svg{min-width:44rem}
#steps:focus-visible,a:focus-visible,select:focus-visible,input:focus-visible,
button:focus-visible{outline:3px solid rgb(var(--plus))}
#steps span{border-bottom:2px solid transparent}
#steps [data-at]{outline:2px solid}#steps rect[data-at]{outline:0;stroke:currentColor;
stroke-dasharray:3;vector-effect:non-scaling-stroke}
#picker{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:center}
#picker[hidden]{display:none}
#picker label:has([type=range]){flex:1 1 14rem;display:flex;gap:.5rem;align-items:center}
select,input,button{font:inherit;max-width:100%}input[type=range]{width:100%}
button{padding:.1rem .6rem}
output{font-variant-numeric:tabular-nums}#value{display:block;min-height:1.5em;font-weight:600}
.scale{display:inline-block;width:9rem;height:.9rem;border:1px solid var(--line);
vertical-align:middle;background:linear-gradient(90deg,rgba(var(--minus),.6),transparent,
rgba(var(--plus),.6))}
.scale.up{background:linear-gradient(90deg,transparent,rgba(var(--plus),.6))}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,21rem),1fr));gap:1.5rem}
figure{margin:0;min-width:0}figcaption{font-size:.9rem}.figures>.full{grid-column:1/-1}
svg{max-width:100%;height:auto;display:block}svg text{fill:currentColor;font:12px system-ui}
.m{text-anchor:middle}.e{text-anchor:end}.grid{stroke:var(--soft);fill:none}
.mark{stroke:currentColor;fill:none;stroke-dasharray:4 3}
.line{fill:none;stroke:currentColor;stroke-width:2}.band{fill:rgba(var(--plus),.25)}
.bar{fill:rgba(var(--plus),.75);stroke:var(--back);stroke-width:.5}
circle{fill:rgba(var(--plus),.35);stroke:currentColor}svg [data-pick],svg [data-go]{cursor:pointer}
.point{fill:var(--s);stroke:var(--s);fill-opacity:.35}.line[class*=" s"]{stroke:var(--s)}
.line.strong{stroke-width:4}.s0{--s:#0072b2}.s1{--s:#d55e00}.s2{--s:#009e73}.s3{--s:#b8578e}
.s4{--s:#56b4e9}.s5{--s:#b07d00}.s6{--s:currentColor}.s7{--s:#8c6d31}
@media(prefers-color-scheme:dark){.s0{--s:#4da3ff}.s1{--s:#ff8c28}.s3{--s:#e59ac6}
.s5{--s:#f0b840}.s7{--s:#c8a868}}
.line.s1{stroke-dasharray:7 4}.line.s2{stroke-dasharray:2 3}.line.s3{stroke-dasharray:8 3 2 3}
.line.s4{stroke-dasharray:12 3}.line.s5{stroke-dasharray:1 2}.line.s6{stroke-dasharray:5 2 1 2 1 2}
.line.s7{stroke-dasharray:14 6}
.key{list-style:none;display:flex;flex-wrap:wrap;gap:.1rem .9rem;margin:.2rem 0;padding:0;
font-size:.85rem}.key svg{display:inline;width:2rem;height:1rem;vertical-align:-.15rem}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem}
td,th{padding:.15rem .45rem;border-bottom:1px solid var(--soft);text-align:left;white-space:nowrap}
td.n{text-align:right;font-variant-numeric:tabular-nums}
td code{white-space:pre}.share{display:inline-block;height:.7rem;background:rgba(var(--plus),.75)}
mark{background:rgba(var(--plus),.45);color:inherit}a{color:inherit}
"""

SCRIPT = r"""
const el=i=>document.getElementById(i),D=JSON.parse(el('data').textContent),R=D.rows,
 row=el('row'),num=el('unit'),at=el('step'),out=el('value'),box=el('steps'),cache={};
let page=D.first,now,parts=[];
const unpack=async t=>new Uint8Array(await new Response(new Blob([Uint8Array.from(atob(t),
 c=>c.charCodeAt(0))]).stream().pipeThrough(new DecompressionStream('deflate'))).arrayBuffer());
async function unit(name,k){const key=name+':'+k;
 if(!cache[key]){const [lo,hi,t]=R[name].units[k],b=await unpack(t),L=R[name].levels;
  cache[key]={b,lo,hi,most:Math.max(Math.abs(lo),Math.abs(hi))||1,
   at:i=>b[i]==255?null:lo+(hi-lo)*b[i]/L}}
 return cache[key]}
const color=(v,most)=>v===null?'transparent':
 `rgba(var(--${v<0?'minus':'plus'}),${(.6*Math.abs(v)/most).toFixed(3)})`;
const under=(v,most)=>v!==null&&v<-.1*most?'rgba(var(--minus),.9)':'transparent';
const token=i=>D.tokens?D.tokens[i]:'';
const shown=t=>t===''?'end mark':t==='\n'?'line break':`"${t}"`;
const safe=t=>t.replace(/&/g,'&amp;').replace(/</g,'&lt;');
const begin=()=>page*D.page,end=()=>Math.min(D.steps,begin()+D.page);
async function build(){
 box.textContent='';parts=[];
 if(D.tokens){for(let i=begin();i<end();i++){const s=document.createElement('span');
   s.textContent=token(i)+D.space;parts.push(s)}box.append(...parts)}
 else{const n=end()-begin(),w=1000/n,X=await Promise.all(D.bands.map(k=>unit('x',k)));
  let svg=`<svg viewBox="0 0 1000 ${44*X.length+44}" width="100%" preserveAspectRatio="none">`;
  X.forEach((x,j)=>{let line='';for(let i=begin();i<end();i++){const v=x.at(i);
    svg+=`<rect x="${(i-begin())*w}" y="${44*j}" width="${w}" height="44" fill="none"/>`;
    if(v!==null)line+=`${((i-begin()+.5)*w).toFixed(1)},${
     (44*j+40-36*(v-x.lo)/((x.hi-x.lo)||1)).toFixed(1)} `}
   svg+=`<polyline points="${line}" fill="none" stroke="currentColor" stroke-width="1.5"
 vector-effect="non-scaling-stroke"/><text x="4" y="${44*j+12}">${safe(D.names[j])}</text>`});
  box.innerHTML=svg+`<path d="M0 ${44*X.length}H1000" class="grid"/><polyline id="own" class="line"
 vector-effect="non-scaling-stroke"/><text id="name" x="4" y="${44*X.length+12}"></text></svg>`;
  parts=[...box.querySelectorAll('rect')]}
 el('where').textContent=`steps ${begin()} to ${end()-1} of ${D.steps}`;
 el('back').disabled=page==0;el('next').disabled=end()>=D.steps}
async function paint(){const name=row.value,each=[],n=end()-begin();
 now=await unit(name,num.value);
 for(const k of D.bands)each.push(name==D.split&&R[name].units[k]?await unit(name,k):now);
 const most=name==D.split?Math.max(...each.map(e=>e.most)):now.most;
 parts.forEach((e,i)=>{const own=D.tokens?now:each[Math.floor(i/n)],v=own.at(begin()+i%n);
  if(D.tokens){e.style.background=color(v,most);e.style.borderColor=under(v,most)}
  else e.setAttribute('style','fill:'+color(v,most))});
 if(!D.tokens){let line='';for(let i=begin();i<end();i++){const v=now.at(i);if(v!==null)
   line+=`${((i-begin()+.5)*1000/n).toFixed(1)},${
    (44*D.bands.length+40-36*(v-now.lo)/((now.hi-now.lo)||1)).toFixed(1)} `}
  el('own').setAttribute('points',line);el('name').textContent=name+':'+num.value}
 el('colored').textContent=name==D.split?name:`${name}, unit ${num.value}`;
 const least=name==D.split?Math.min(...each.map(e=>e.lo)):now.lo;
 el('low').textContent=least<0?(-most).toPrecision(3):'0';
 el('scale').className='scale'+(least<0?'':' up');el('high').textContent=most.toPrecision(3);read()}
async function read(){const i=+at.value,v=now.at(i),n=end()-begin();
 parts.forEach((e,k)=>k%n==i-begin()?e.dataset.at='':delete e.dataset.at);
 out.textContent=`step ${i}${D.tokens?' '+shown(token(i)):''}: ${row.value}:${num.value} = ${
  v===null?'no value':v===0?'0':v.toPrecision(3)}`;
 const t=D.top;if(!t)return;
 if(!t.raw){t.raw={ids:await unpack(t.ids),p:await unpack(t.p)};
  if(t.wide)t.raw.ids=new Uint16Array(t.raw.ids.buffer)}
 let s='';if(i>0&&i<=t.steps)for(let k=0;k<t.k;k++){const j=(i-1)*t.k+k,
  name=t.names[t.raw.ids[j]];s+=`${shown(name)} ${(t.raw.p[j]/2.5).toFixed(1)} %   `}
 el('top').textContent=s?'likeliest: '+s:i?'The likeliest tokens of this step are not in the page.'
  :'Nothing precedes the first step.'}
async function go(i){i=Math.max(0,Math.min(D.steps-1,i));at.value=i;
 const p=Math.floor(i/D.page);if(p!=page){page=p;await build();await paint()}else await read();
 const e=parts[i-begin()];if(D.tokens&&e.offsetTop)box.scrollTop+=
  Math.min(0,e.getBoundingClientRect().top-box.getBoundingClientRect().top-4)+
  Math.max(0,e.getBoundingClientRect().bottom-box.getBoundingClientRect().bottom+4)}
function units(k){num.replaceChildren(...Object.keys(R[row.value].units).map(u=>new Option(u,u)));
 if(k!==undefined&&R[row.value].units[k])num.value=k;
 const n=Object.keys(R[row.value].units).length,all=R[row.value].n;
 el('held').textContent=n<all?`The page holds ${n} of the ${all} units of ${row.value}.`:''}
async function choose(name,k){if(!R[name]||!R[name].units[k]){
  out.textContent=`${name}:${k} is not in the page; see --unit.`;return}
 row.value=name;units(k);await paint()}
row.onchange=async()=>{units();await paint()};num.onchange=paint;
at.oninput=()=>go(+at.value);
el('back').onclick=()=>go((page-1)*D.page);el('next').onclick=()=>go((page+1)*D.page);
box.onclick=e=>{const i=parts.indexOf(e.target);if(i>=0)go(begin()+i%(end()-begin()))};
box.onkeydown=async e=>{const i=+at.value,k={ArrowLeft:i-1,ArrowRight:i+1,PageUp:i-D.page,
  PageDown:i+D.page,Home:0,End:D.steps-1}[e.key];
 if(k!==undefined){e.preventDefault();await go(k)}
 if(e.key=='ArrowUp'||e.key=='ArrowDown'){e.preventDefault();
  const n=num.options.length;
  num.selectedIndex=(num.selectedIndex+(e.key=='ArrowUp'?n-1:1))%n;await paint()}};
document.addEventListener('click',e=>{const p=e.target.dataset?.pick,g=e.target.dataset?.go;
 if(g){go(+g);box.scrollIntoView({block:'center'})}
 if(p){const k=p.lastIndexOf(':');choose(p.slice(0,k),p.slice(k+1));
  if(e.target.tagName!='A')box.scrollIntoView({block:'center'})}});
el('csv').onclick=()=>{let s='step,token,value\n';const q=t=>'"'+t.replace(/"/g,'""')+'"';
 for(let i=0;i<D.steps;i++)s+=`${i},${D.tokens?q(token(i)):''},${now.at(i)??''}\n`;
 const a=document.createElement('a');a.href=URL.createObjectURL(new Blob([s],{type:'text/csv'}));
 a.download=`${row.value}_${num.value}.csv`;a.click()};
(async()=>{row.value=D.chosen[0];units(D.chosen[1]);at.value=D.at;await build();await paint();
 el('picker').hidden=false})();
"""
