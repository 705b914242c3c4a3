import CadastreProtocol
import Foundation
import SwiftProtobuf

/// The same values as the generated code has them: what the hand-written codec is held against.
enum Reference {
    static func message(_ command: Command) -> Cadastre_V1_Command {
        var message = Cadastre_V1_Command()
        switch command {
        case .createTenant(let command):
            message.createTenant.name = Data(command.name)
            quota(command.quota).map { message.createTenant.quota = $0 }
        case .updateTenant(let command):
            message.updateTenant.name = Data(command.name)
            quota(command.quota).map { message.updateTenant.quota = $0 }
        case .setTenantStatus(let command):
            message.setTenantStatus.name = Data(command.name)
            message.setTenantStatus.status = status(command.status)
        case .deleteTenant(let command): message.deleteTenant.name = Data(command.name)
        case .grantService(let command):
            message.grantService.tenant = Data(command.tenant)
            message.grantService.service = Data(command.service)
        case .revokeService(let command):
            message.revokeService.tenant = Data(command.tenant)
            message.revokeService.service = Data(command.service)
        case .createBucket(let command): message.createBucket.name = Data(command.name)
        case .deleteBucket(let command): message.deleteBucket.name = Data(command.name)
        case .putObject(let command): message.putObject = put(command)
        case .deleteObject(let command): message.deleteObject = delete(command)
        case .batch(let command):
            message.batch.operations = command.operations.map { operation in
                .with {
                    switch operation {
                    case .put(let command): $0.put = put(command)
                    case .delete(let command): $0.delete = delete(command)
                    }
                }
            }
        case .openSession(let command): message.openSession.slots = command.slots
        case .expireSession(let command): message.expireSession.session = command.session
        case .tick(let command):
            message.tick.samples = command.samples.map { sample in
                .with {
                    $0.node = sample.node
                    $0.wallMs = sample.wallMilliseconds
                }
            }
            if let mark = command.mark {
                message.tick.mark = .with {
                    $0.index = mark.index
                    $0.digestHigh = mark.digestHigh
                    $0.digestLow = mark.digestLow
                }
            }
        }
        return message
    }

    static func put(_ command: PutObject) -> Cadastre_V1_PutObject {
        .with {
            $0.bucket = Data(command.bucket)
            $0.key = Data(command.key)
            $0.size = command.size
            $0.etag = Data(command.etag)
            if let value = command.checksum { $0.checksum = checksum(value) }
            $0.contentType = Data(command.contentType)
            $0.metadata = command.metadata.map(attribute)
            $0.tags = command.tags.map(attribute)
            $0.locations = Data(command.locations)
            if let value = command.precondition { $0.precondition = precondition(value) }
            if let value = command.modifiedMilliseconds { $0.modifiedMs = value }
        }
    }

    static func message(_ query: Query) -> Cadastre_V1_Query {
        var message = Cadastre_V1_Query()
        switch query {
        case .getTenant(let name): message.getTenant.name = Data(name)
        case .listTenants(let after, let maximum):
            message.listTenants.after = Data(after)
            message.listTenants.max = UInt32(maximum)
        case .getBucket(let name): message.getBucket.name = Data(name)
        case .listBuckets(let prefix, let after, let maximum):
            message.listBuckets.prefix = Data(prefix)
            message.listBuckets.after = Data(after)
            message.listBuckets.max = UInt32(maximum)
        case .getObject(let bucket, let key):
            message.getObject.bucket = Data(bucket)
            message.getObject.key = Data(key)
        case .listObjects(let listing):
            message.listObjects.bucket = Data(listing.bucket)
            message.listObjects.prefix = Data(listing.prefix)
            message.listObjects.delimiter = Data(listing.delimiter)
            message.listObjects.after = Data(listing.after)
            message.listObjects.max = UInt32(listing.maximum)
        case .getUsage(let bucket):
            message.getUsage = .with { if let bucket { $0.bucket = Data(bucket) } }
        case .listGrants(let tenant, let after, let maximum):
            message.listGrants.tenant = Data(tenant)
            message.listGrants.after = Data(after)
            message.listGrants.max = UInt32(maximum)
        }
        return message
    }

    static func message(_ answer: Answer) -> Cadastre_V1_QueryReply {
        var message = Cadastre_V1_QueryReply()
        switch answer {
        case .tenant(let record): message.tenant = tenant(record)
        case .tenants(let page):
            message.tenants = .with {
                $0.tenants = page.elements.map(tenant)
                $0.isTruncated = page.isTruncated
            }
        case .bucket(let record): message.bucket = bucket(record)
        case .buckets(let page):
            message.buckets = .with {
                $0.buckets = page.elements.map(bucket)
                $0.isTruncated = page.isTruncated
            }
        case .object(let record): message.object = object(record)
        case .objects(let page):
            message.objects = .with {
                $0.items = page.items.map(item)
                $0.isTruncated = page.isTruncated
                $0.next = Data(page.next)
            }
        case .usage(let value): message.usage = usage(value)
        case .grants(let page):
            message.grants = .with {
                $0.services = page.elements.map { Data($0) }
                $0.isTruncated = page.isTruncated
            }
        }
        return message
    }

    // MARK: Parts

    private static func quota(_ quota: Quota) -> Cadastre_V1_Quota? {
        quota == Quota()
            ? nil
            : .with {
                if let value = quota.bytes { $0.bytes = value }
                if let value = quota.objects { $0.objects = value }
                if let value = quota.buckets { $0.buckets = value }
            }
    }

    private static func status(_ status: TenantStatus) -> Cadastre_V1_TenantStatus {
        switch status {
        case .active: .active
        case .suspended: .suspended
        }
    }

    private static func attribute(_ attribute: CadastreProtocol.Attribute) -> Cadastre_V1_Attribute
    {
        .with {
            $0.name = Data(attribute.name)
            $0.value = Data(attribute.value)
        }
    }

    private static func checksum(_ checksum: Checksum) -> Cadastre_V1_Checksum {
        .with {
            $0.algorithm =
                switch checksum.algorithm {
                case .crc32c: .crc32C
                case .sha256: .sha256
                case .sha1: .sha1
                case .crc64nvme: .crc64Nvme
                }
            $0.value = Data(checksum.value)
        }
    }

    private static func precondition(_ value: Precondition) -> Cadastre_V1_Precondition {
        .with {
            switch value {
            case .ifAbsent: $0.ifAbsent = true
            case .ifPresent: $0.ifPresent = true
            case .ifMatch(let tags): $0.ifMatch.values = tags.map { Data($0) }
            }
        }
    }

    private static func usage(_ usage: Usage) -> Cadastre_V1_Usage {
        .with {
            $0.buckets = usage.buckets
            $0.objects = usage.objects
            $0.bytes = usage.bytes
        }
    }

    private static func tenant(_ record: TenantRecord) -> Cadastre_V1_Tenant {
        .with {
            $0.id = record.id.value
            $0.name = Data(record.name)
            $0.status = status(record.status)
            if let value = quota(record.quota) { $0.quota = value }
            $0.createdMs = record.createdMilliseconds
            $0.usage = usage(record.usage)
        }
    }

    private static func bucket(_ record: BucketRecord) -> Cadastre_V1_Bucket {
        .with {
            $0.id = record.id.value
            $0.name = Data(record.name)
            $0.createdMs = record.createdMilliseconds
            $0.epoch = record.epoch
            $0.usage = usage(record.usage)
        }
    }

    private static func object(_ record: ObjectRecord) -> Cadastre_V1_Object {
        .with {
            $0.key = Data(record.key)
            $0.sequence = record.sequence
            $0.size = record.size
            $0.etag = Data(record.etag)
            $0.modifiedMs = record.modifiedMilliseconds
            $0.contentType = Data(record.contentType)
            if let value = record.checksum { $0.checksum = checksum(value) }
            $0.metadata = record.metadata.map(attribute)
            $0.tags = record.tags.map(attribute)
            $0.locations = Data(record.locations)
        }
    }

    private static func delete(_ command: DeleteObject) -> Cadastre_V1_DeleteObject {
        .with { message in
            message.bucket = Data(command.bucket)
            message.key = Data(command.key)
            command.precondition.map { message.precondition = precondition($0) }
        }
    }

    private static func item(_ item: ListItem) -> Cadastre_V1_ObjectListItem {
        .with {
            switch item {
            case .object(let key, let sequence, let size, let etag, let modified):
                $0.object = .with {
                    $0.key = Data(key)
                    $0.sequence = sequence
                    $0.size = size
                    $0.etag = Data(etag)
                    $0.modifiedMs = modified
                }
            case .commonPrefix(let prefix): $0.commonPrefix = Data(prefix)
            }
        }
    }
}
