/// What a client needs to reach a cluster.
public struct ClientConfiguration: Sendable {
    /// The listeners it speaks to.
    public enum Purpose: Sendable, Hashable {
        /// Tenants, buckets and objects: the client listeners.
        case client
        /// Status, members, leadership and digests: the administration listeners.
        case administration
    }

    /// Paths of the files by which the client proves who it is and whom it trusts, all PEM.
    public struct Files: Sendable, Hashable {
        /// The certificate, followed by its intermediates.
        public var certificate: String
        /// The certificate's private key, readable by its owner alone.
        public var key: String
        /// Root certificates; no other root is trusted.
        public var roots: [String]

        /// Names the files; nothing is opened yet.
        public init(certificate: String, key: String, roots: [String]) {
            self.certificate = certificate
            self.key = key
            self.roots = roots
        }
    }

    /// Some nodes of the cluster; the leader among them is found.
    ///
    /// Nearest first: reads that need not be linearizable go to the first that can be reached.
    public var endpoints: [Endpoint]
    /// The cluster's name: a node of another one is not trusted.
    public var cluster: String
    /// The client's identity.
    public var files: Files
    /// Which listeners the endpoints are.
    public var purpose = Purpose.client
    /// For which tenant a service acts; empty for tenants, who act for themselves.
    public var tenant: [UInt8] = []
    /// Connections to the leader, 1…64.
    ///
    /// A caller that asks again at once stays on the connection that answered it, behind whatever
    /// else that carries: for reads that are to be quick beside large lists and batches, make a
    /// client for each.
    public var connectionCount = 1
    /// How long a request may take, retries included, when nothing else is asked; more than 0 and at
    /// most a day.
    public var deadline = Duration.seconds(5)
    /// Writes on their way at once, 1…1024.
    public var sessionSlots = ClientLimits.defaultSessionSlots
    /// A node that brings nothing for this long while requests wait for it is given up; more than 0
    /// and at most a day.
    ///
    /// All its connections are then, and the requests go elsewhere under the same identity. One
    /// connection alone has twice as long while others bring something. Digests and transfers of
    /// leadership take what they take, and are waited for until their deadline.
    public var stallTimeout = Duration.seconds(1)
    /// How long connecting may take, until TLS is done and the node has greeted; more than 0 and at
    /// most a day.
    public var connectTimeout = Duration.seconds(2)

    /// Makes a configuration; what is not given here can be set.
    public init(endpoints: [Endpoint], cluster: String, files: Files) {
        self.endpoints = endpoints
        self.cluster = cluster
        self.files = files
    }
}

/// Why a client could not be made.
public struct ClientError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong and what to do.
    public let description: String

    /// Says what is wrong.
    init(_ description: String) { self.description = description }
}

extension ClientConfiguration {
    /// Checks every bound.
    ///
    /// - Throws: ``ClientError`` naming the first that is not kept.
    func validate() throws(ClientError) {
        guard !endpoints.isEmpty, endpoints.count <= ClientLimits.maximumEndpoints else {
            throw ClientError(
                "\(endpoints.count) endpoints; give 1 to \(ClientLimits.maximumEndpoints)"
            )
        }
        guard 1...ClientLimits.maximumConnectionsPerNode ~= connectionCount else {
            throw ClientError(
                "\(connectionCount) connections; "
                    + "give 1 to \(ClientLimits.maximumConnectionsPerNode)"
            )
        }
        guard 1...ClientLimits.maximumSessionSlots ~= sessionSlots else {
            throw ClientError(
                "\(sessionSlots) session slots; give 1 to \(ClientLimits.maximumSessionSlots)"
            )
        }
        guard tenant.count <= 64 else {
            throw ClientError("the tenant's name has \(tenant.count) bytes; at most 64 are allowed")
        }
        for (name, value) in [
            ("deadline", deadline), ("stall timeout", stallTimeout),
            ("connect timeout", connectTimeout),
        ] where value <= .zero || value > ClientLimits.maximumDeadline {
            throw ClientError("a \(name) of \(value); give more than 0 and at most a day")
        }
    }
}
