'use strict'
// Fastify and MySQL: a transaction with a row lock for each coupon, and the shop's reads from the shop's own tables.
const mysql = require('mysql2/promise')
const { integer, issuing, memberOf, object, refused, serve, signedIn, text } = require('./shared')

const CONNECTIONS = 16
const SEOUL_MS = 9 * 3600_000
const DAY_MS = 24 * 3600_000
const PRODUCTS = `
  SELECT product.id, sku, product.name, description, price, stock, product.created_at,
    category.id AS category_id, category.name AS category_name, slug
  FROM shop.products_product AS product
  LEFT JOIN shop.products_category AS category ON category.id = product.category_id
  WHERE product.is_active `
const NEWEST = PRODUCTS + 'ORDER BY product.created_at DESC, product.id DESC LIMIT 21'
const ONE = PRODUCTS + 'AND product.id = ?'
const BEST_SELLERS = `
  SELECT product.id, name, price, SUM(quantity) AS quantity, SUM(revenue) AS revenue
  FROM shop.stats_dailyproductsales AS sales
  JOIN shop.products_product AS product ON product.id = sales.product_id
  WHERE day BETWEEN ? AND ? AND product.is_active
  GROUP BY product.id, name, price
  ORDER BY quantity DESC, revenue DESC, product.id LIMIT 5`

const list = items => ({ type: 'array', items })
const product = object({
  id: integer,
  sku: text,
  name: text,
  description: text,
  category: { ...object({ id: integer, name: text, slug: text }), nullable: true },
  price: integer,
  stock: integer,
  created_at: { type: 'string', format: 'date-time' }
})
const page = object({ next: { ...text, nullable: true }, results: list(product) })
const seller = object({ id: integer, name: text, price: integer })
const rank = object({ rank: integer, product: seller, quantity: integer, revenue: integer })
const ranking = object({ since: text, until: text, results: list(rank) })

const dayOf = moment => new Date(moment).toISOString().slice(0, 10)

const shown = row => ({
  ...row,
  category: row.category_id && { id: row.category_id, name: row.category_name, slug: row.slug }
})

async function nextCoupon (connection, coupon, member) {
  const [[campaign]] = await connection.execute('SELECT total, issued FROM campaign WHERE id = ? FOR UPDATE', [coupon])
  if (!campaign) throw refused(404, 'no such campaign')
  if (campaign.issued >= campaign.total) throw refused(409, 'sold out')
  const number = campaign.issued + 1
  await connection.execute('INSERT INTO issued (campaign, member, number) VALUES (?, ?, ?)', [coupon, member, number])
  await connection.execute('UPDATE campaign SET issued = issued + 1 WHERE id = ?', [coupon])
  return number
}

async function issue (pool, coupon, member) {
  const connection = await pool.getConnection()
  try {
    await connection.beginTransaction()
    const number = await nextCoupon(connection, coupon, member)
    await connection.commit()
    return number
  } catch (error) {
    await connection.rollback()
    throw error.code === 'ER_DUP_ENTRY' ? refused(409, 'has one already') : error
  } finally {
    connection.release()
  }
}

serve(async app => {
  const pool = mysql.createPool({
    host: process.env.MYSQL_HOST,
    port: Number(process.env.MYSQL_PORT),
    user: 'root',
    password: process.env.MYSQL_PASSWORD,
    database: 'peers',
    timezone: 'Z',
    connectionLimit: CONNECTIONS
  })

  app.post('/api/v1/coupons/:coupon/issue/', { onRequest: signedIn, schema: issuing }, async (request, reply) => {
    const { coupon } = request.params
    const user = memberOf(request)
    const number = await issue(pool, coupon, user)
    reply.code(201)
    return { coupon, user, issue_number: number }
  })

  app.get('/api/v1/products/', { schema: { response: { 200: page } } }, async () => {
    const [rows] = await pool.execute(NEWEST)
    const next = rows.length > 20 ? `/api/v1/products/?before=${rows[19].id}` : null
    return { next, results: rows.slice(0, 20).map(shown) }
  })

  const onePage = { schema: { params: object({ product: integer }), response: { 200: product } } }
  app.get('/api/v1/products/:product/', onePage, async request => {
    const [[row]] = await pool.execute(ONE, [request.params.product])
    if (!row) throw refused(404, 'no such product')
    return shown(row)
  })

  app.get('/api/v1/stats/top-products/', { schema: { response: { 200: ranking } } }, async () => {
    const today = Date.now() + SEOUL_MS
    const [since, until] = [dayOf(today - 2 * DAY_MS), dayOf(today)]
    const [rows] = await pool.execute(BEST_SELLERS, [since, until])
    return { since, until, results: rows.map((row, place) => ({ rank: place + 1, product: row, ...row })) }
  })
})
