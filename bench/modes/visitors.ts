/** So many users are there at a time. */
const PRESENT = 1000;
/** Prime, so that it leads through all who are present before it comes to one again. */
const STRIDE = 7919;

/**
 * Returns who sends the next request: users come, send so many requests on the average, mixed with the others', and never
 * come back.
 */
export function visitors(requestsPerUser: number): () => number {
  let request = 0;
  return () => {
    const newcomer = Math.floor(request / requestsPerUser);
    const user = newcomer + ((request * STRIDE) % PRESENT);
    request++;
    return user;
  };
}
