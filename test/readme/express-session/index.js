/** In place of express-session, which is not installed here: what it does with a store, for one browser, without a cookie. */
class Store {
  createSession(_request, fields) {
    return Object.assign(Object.create({ save: undefined }), fields)
  }
}

export default function session({ store, cookie }) {
  const id = 'an id of express-session'
  return (request, _response, next) => {
    store.get(id, (error, fields) => {
      if (error) throw error
      request.session = store.createSession(request, fields ?? { cookie: { originalMaxAge: cookie.maxAge } })
      Object.getPrototypeOf(request.session).save = (callback) => store.set(id, request.session, callback)
      next()
    })
  }
}
session.Store = Store
