internal import NIOConcurrencyHelpers

/// The files that one side of a connection shows and trusts.
package struct Credentials: Sendable, Hashable {
    /// The leaf certificate, followed by its intermediates, as PEM.
    package var certificate: String
    /// The leaf's private key, as PEM, readable by its owner alone.
    package var key: String
    /// Files of root certificates; no other root is trusted.
    package var roots: [String]
    /// A file of revocation lists; with it, an authority without a fresh list is not trusted.
    package var revocations: String?

    /// Names the files; nothing is opened yet.
    package init(certificate: String, key: String, roots: [String], revocations: String? = nil) {
        self.certificate = certificate
        self.key = key
        self.roots = roots
        self.revocations = revocations
    }
}

/// The context for new connections, which a reload exchanges; connections keep the one they began with.
package final class TLSContextSource: Sendable {
    private let context: NIOLockedValueBox<TLSContext>

    /// Begins with a context.
    package init(_ context: TLSContext) {
        self.context = NIOLockedValueBox(context)
    }

    /// The context for the next connection.
    package var current: TLSContext {
        context.withLockedValue { $0 }
    }

    /// Uses another context, of the same purpose, from the next connection on.
    package func replace(with renewed: TLSContext) {
        context.withLockedValue { context in
            precondition(renewed.purpose == context.purpose, "a context of the other side")
            context = renewed
        }
    }
}
