/// The limits of the client, each with its reason.
package enum ClientLimits {
    /// A session's slots when nothing else is asked: as many writes can be on their way at once.
    package static let defaultSessionSlots: UInt32 = 256
    /// What the protocol allows for one session.
    package static let maximumSessionSlots: UInt32 = 1024
    /// Requests on their way on one connection; a node answers `overloaded` past its own bound.
    package static let maximumInFlightPerConnection = 1024
    /// Requests inside the client, waiting ones included; more are refused at once.
    package static let maximumRequests = 65_536
    /// Connections to one node.
    package static let maximumConnectionsPerNode = 64
    /// Nodes that a client gets to know; hints beyond are not followed.
    package static let maximumEndpoints = 64
    /// The longest deadline of a request: a day.
    package static let maximumDeadline = Duration.seconds(86_400)
}
