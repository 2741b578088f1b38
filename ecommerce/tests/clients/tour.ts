// The README's tour by the client that openapi-typescript and openapi-fetch make: node tour.js ADDRESS
import createClient, { type Middleware } from "openapi-fetch";
import type { components, paths } from "./shop.js";

type Failure = components["schemas"]["Error"];

const address = process.argv[2];
if (!address) throw new Error("the shop's address is missing");
const shop = createClient<paths, "application/json">({ baseUrl: address });

/** What an operation answers; an error ends the tour. */
function answered<T>(result: { data?: T; error?: Failure; response: Response }): T {
  if (result.data === undefined) {
    throw new Error(`${result.response.status} ${JSON.stringify(result.error)}`);
  }
  return result.data;
}

function expect(what: string, got: unknown, wanted: unknown): void {
  if (got !== wanted) throw new Error(`${what}: ${String(got)} instead of ${String(wanted)}`);
}

const username = `guest${Date.now()}`;
const login = { username, password: "correct horse battery" };
const member = answered(await shop.POST("/api/v1/auth/signup/", { body: login }));
expect("name", member.username, username);

const { access } = answered(await shop.POST("/api/v1/auth/token/", { body: login }));
const signIn: Middleware = {
  onRequest({ request }) {
    request.headers.set("Authorization", `Bearer ${access}`);
  },
};
shop.use(signIn);

const charge = {
  params: { header: { "Idempotency-Key": '"first-charge"' } },
  body: { amount: 100_000 },
};
const first = answered(await shop.POST("/api/v1/users/me/balance/charge/", charge));
const repeated = await shop.POST("/api/v1/users/me/balance/charge/", charge);
expect("charged once", answered(repeated).id, first.id);
expect("replayed", repeated.response.headers.get("Idempotency-Replayed"), "true");

const query = { search: "텀블러", in_stock: true, page_size: 1 };
const found = answered(await shop.GET("/api/v1/products/", { params: { query } }));
const product = found.results[0];
if (!product) throw new Error("no tumbler is to be had");

const open = { params: { query: { is_open: true } } };
const campaigns = answered(await shop.GET("/api/v1/coupons/", open)).results;
const campaign = campaigns.find((one) => one.remaining_quantity > 0);
if (!campaign) throw new Error("no campaign is open");
const press = { params: { path: { id: campaign.id } } };
const issued = answered(await shop.POST("/api/v1/coupons/{id}/issue/", press));
expect("coupon", issued.coupon, campaign.id);

const cart = { items: [{ product: product.id, quantity: 2 }], coupon: issued.id };
const order = answered(await shop.POST("/api/v1/orders/", { body: cart }));
expect("subtotal", order.subtotal, 2 * product.price);
expect("total", order.total, order.subtotal - order.discount);

const second = await shop.POST("/api/v1/coupons/{id}/issue/", press);
expect("refused", second.error?.errors[0]?.code, "coupon_already_issued");
expect("the one that I have", second.error?.errors[0]?.id, issued.id);

const back = { params: { path: { id: order.id } } };
expect("order", answered(await shop.POST("/api/v1/orders/{id}/cancel/", back)).status, "cancelled");
expect("balance", answered(await shop.GET("/api/v1/users/me/balance/")).balance, 100_000);

const days = { params: { query: { days: 3, limit: 5 } } };
const best = answered(await shop.GET("/api/v1/stats/top-products/", days));
expect("best sellers", best.results.length, 5);
console.log("tour: done by the client in TypeScript");
