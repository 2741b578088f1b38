'use strict'
// What both Fastify peers share: who asks, what is answered, MySQL, and one process for each core asked for.
const cluster = require('node:cluster')
const fastify = require('fastify')
const jwt = require('@fastify/jwt')

const { PORT, SECRET_KEY, WORKERS } = process.env
const integer = { type: 'integer' }

exports.object = properties => ({ type: 'object', properties })
exports.integer = integer
exports.text = { type: 'string' }
exports.issuing = {
  params: exports.object({ coupon: integer }),
  response: { 201: exports.object({ coupon: integer, user: integer, issue_number: integer }) }
}

exports.refused = (statusCode, message) => Object.assign(new Error(message), { statusCode })

exports.signedIn = async request => { await request.jwtVerify() }

exports.memberOf = request => Number(request.user.user_id)

exports.serve = plugin => {
  if (cluster.isPrimary) {
    for (let n = 0; n < Number(WORKERS); n++) cluster.fork()
    return
  }
  const app = fastify()
  // The shop takes a press of the button that says it is JSON and is empty. Fastify's own parser does not.
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => done(null, body))
  app.register(jwt, { secret: SECRET_KEY, verify: { algorithms: ['HS256'] } })
  app.get('/health/ready', async () => ({}))
  app.get(
    '/api/v1/yardstick/',
    { onRequest: exports.signedIn, schema: { response: { 200: exports.object({ id: integer }) } } },
    async request => ({ id: exports.memberOf(request) })
  )
  app.register(plugin)
  app.listen({ host: '127.0.0.1', port: Number(PORT) }).catch(error => {
    console.error(error)
    process.exit(1)
  })
}
