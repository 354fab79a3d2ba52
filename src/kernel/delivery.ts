/** How a delivery to somebody else's service ended. `again`: another try may fare better. */
export type DeliveryEnd =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'failed'; readonly again: boolean; readonly reason: string };
