'use strict'
// Fastify, and a counter in Redis that decides; what it decided is written to MySQL behind it.
const fs = require('node:fs')
const path = require('node:path')
const { Redis } = require('ioredis')
const { issuing, memberOf, refused, serve, signedIn } = require('./shared')

const DECIDE = path.join(__dirname, '..', 'decide.lua')
const REFUSALS = { 0: [404, 'no such campaign'], '-1': [409, 'sold out'], '-2': [409, 'has one already'] }

serve(async app => {
  const store = new Redis({ port: Number(process.env.REDIS_PORT) })
  store.defineCommand('decide', { numberOfKeys: 3, lua: fs.readFileSync(DECIDE, 'utf8') })

  app.post('/api/v1/coupons/:coupon/issue/', { onRequest: signedIn, schema: issuing }, async (request, reply) => {
    const { coupon } = request.params
    const user = memberOf(request)
    const campaign = `campaign:${coupon}`
    const number = await store.decide(campaign, `${campaign}:members`, 'issued', coupon, user)
    if (number in REFUSALS) throw refused(...REFUSALS[number])
    reply.code(201)
    return { coupon, user, issue_number: number }
  })
})
