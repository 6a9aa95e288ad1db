/** What browsers are told of a file, by its name. */

/** Extensions of each type. Text is UTF-8, as nearly all is. */
const TYPES: Readonly<Record<string, string>> = {
  'text/html; charset=utf-8': 'html htm',
  'text/css; charset=utf-8': 'css',
  'text/javascript; charset=utf-8': 'js mjs cjs',
  'text/plain; charset=utf-8':
    'txt text log md ts mts cts tsx jsx c h cc cpp hpp rs go py rb java sh toml ini cfg conf diff patch',
  'text/csv; charset=utf-8': 'csv',
  'text/calendar; charset=utf-8': 'ics',
  'text/vtt; charset=utf-8': 'vtt',
  'text/xml; charset=utf-8': 'xml',
  'text/yaml; charset=utf-8': 'yaml yml',
  'application/json': 'json map',
  'application/ld+json': 'jsonld',
  'application/manifest+json': 'webmanifest',
  'application/pdf': 'pdf',
  'application/wasm': 'wasm',
  'application/zip': 'zip',
  'application/gzip': 'gz tgz',
  'application/zstd': 'zst',
  'application/x-bzip2': 'bz2',
  'application/x-xz': 'xz',
  'application/x-tar': 'tar',
  'application/x-7z-compressed': '7z',
  'application/vnd.sqlite3': 'sqlite sqlite3',
  'application/vnd.apple.mpegurl': 'm3u8',
  'application/dash+xml': 'mpd',
  'application/qlog+json': 'qlog',
  'application/qlog+json-seq': 'sqlog',
  'image/png': 'png',
  'image/jpeg': 'jpg jpeg',
  'image/gif': 'gif',
  'image/webp': 'webp',
  'image/avif': 'avif',
  'image/svg+xml': 'svg',
  'image/x-icon': 'ico',
  'image/bmp': 'bmp',
  'image/tiff': 'tif tiff',
  'font/woff': 'woff',
  'font/woff2': 'woff2',
  'font/ttf': 'ttf',
  'font/otf': 'otf',
  'audio/mpeg': 'mp3',
  'audio/mp4': 'm4a',
  'audio/ogg': 'ogg oga opus',
  'audio/wav': 'wav',
  'audio/flac': 'flac',
  'video/mp4': 'mp4 m4v',
  'video/webm': 'webm',
  'video/ogg': 'ogv',
  'video/mp2t': 'm2ts',
  'video/quicktime': 'mov',
  'video/x-matroska': 'mkv',
}

/** The media type of a file called `name`; `application/octet-stream` where its extension says nothing. */
export function contentTypeOf(name: string): string {
  const extension = /\.([^.]+)$/.exec(name)?.[1]?.toLowerCase()
  if (extension === undefined) return 'application/octet-stream'
  for (const [type, extensions] of Object.entries(TYPES)) if (extensions.split(' ').includes(extension)) return type
  return 'application/octet-stream'
}
