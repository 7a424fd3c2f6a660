import { addressOf, blockOf, collect, Swarm } from './swarm.fixture.ts'
const swarm = new Swarm()
const t0=performance.now(); const lap=(s:any)=>console.log((performance.now()-t0).toFixed(0), JSON.stringify(s))
if (process.argv[2]==='m') {
const [m1,m2]= await Promise.all([swarm.start('m1',{mdns:true, listen:['/ip4/0.0.0.0/tcp/0']}), swarm.start('m2',{mdns:true,listen:['/ip4/0.0.0.0/tcp/0']})])
lap(await m1.addresses())
for (let i=0;i<30;i++){ await new Promise(r=>setTimeout(r,300)); const p=await m1.peers(); if(p.length){lap(p);break} }
lap('mdns done')
} else {
const hub = await swarm.start('hub', {natTraversal:true}); lap('hub nat');
hub.on('warning', w=>lap(w))
const b = await swarm.start('b', {natTraversal:true, bootstrap:[await addressOf(hub)]}); lap('b nat')
b.on('warning', w=>lap(w))
for (let i=0;i<20;i++){await new Promise(r=>setTimeout(r,500)); if ((await b.addresses()).length>2) break }
lap(await b.addresses())
const rel=(await b.addresses()).filter(x=>x.includes('p2p-circuit'))
await b.handle('/hartonomous/e/1.0.0', {frameBytesMax:1e6}, async s=>{ for await (const f of s.frames()) await s.send(f); await s.close()})
const dead = await swarm.start('dead', {natTraversal:true, bootstrap:[(await addressOf(hub)).replace(/tcp.[0-9]+/,'tcp/1')]}); lap('dead'); lap(await dead.addresses());
const c = await swarm.start('c', {natTraversal:true})
for (const r of rel) { try {await c.dial(r); lap(['ok',r]); lap((await c.request(b.peerId,'/hartonomous/e/1.0.0', new Uint8Array(300000), {frameBytesMax:1e6})).length)} catch(e) {lap([r,e.message])} }
lap((await c.peers()).map(p=>p.addresses))
}
await swarm.stop(); lap('stopped')
