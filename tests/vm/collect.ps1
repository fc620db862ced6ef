#Requires -RunAsAdministrator
<#
.SYNOPSIS
Gathers everything that says how the driver fared, and gives the verdict.

.DESCRIPTION
Leaves one zip file for whoever looks into a failure. Exit status 0: installed, self-tested and
soaked under Driver Verifier, and no crash since the driver was installed.
#>
[CmdletBinding()]
param()
. (Join-Path $PSScriptRoot 'common.ps1')

New-Item -ItemType Directory -Force -Path $Results | Out-Null
function Save-Output {
    param([string] $Name, [scriptblock] $Command)
    # What a program says on its error stream belongs to the output.
    $ErrorActionPreference = 'Continue'
    try { $text = & $Command 2>&1 | Out-String -Width 200 } catch { $text = "$_" }
    Set-Content -Encoding UTF8 -Path (Join-Path $Results $Name) -Value $text
}

Save-Output 'system.txt' { Get-ComputerInfo -Property OsName, OsVersion, OsBuildNumber, CsModel }
Save-Output 'bindings.txt' { Get-NetAdapterBinding -AllBindings | Format-Table -AutoSize }
Save-Output 'components.txt' { netcfg.exe -s n }
Save-Output 'service.txt' { sc.exe qc $Service; sc.exe query $Service }
Save-Output 'verifier.txt' { verifier.exe /querysettings; verifier.exe /query }
Save-Output 'adapters.json' { & $Program adapters --json }
Save-Output 'counters.json' { & $Program counters --json }
Save-Output 'events.txt' {
    $filter = @{ LogName = 'System'; Level = 1, 2, 3; StartTime = (Get-Date).AddDays(-1) }
    Get-WinEvent -FilterHashtable $filter | Format-List TimeCreated, ProviderName, Id, Message
}
$log = Join-Path $env:SystemRoot 'INF\setupapi.dev.log'
Save-Output 'setupapi.txt' { Get-Content $log -Tail 2000 }
Copy-Item (Join-Path $Package 'SHA256SUMS') $Results

$steps = foreach ($step in 'install', 'selftest', 'soak') {
    $file = Join-Path $Results "outcome-$step.json"
    if (Test-Path $file) {
        Get-Content -Raw $file | ConvertFrom-Json
    } else {
        [pscustomobject]@{ Step = $step; Passed = $false; Detail = 'not run'; Time = '' }
    }
}
$watched = Test-Verifier
$installed = ($steps | Where-Object Step -EQ 'install').Time
$dumps = @()
foreach ($place in 'Minidump\*.dmp', 'MEMORY.DMP', 'LiveKernelReports\*.dmp') {
    $dumps += @(Get-Item -Path (Join-Path $env:SystemRoot $place) -ErrorAction SilentlyContinue |
        Where-Object { $installed -and $_.LastWriteTimeUtc -ge [datetime] $installed })
}
$dumps | Where-Object Name -NE 'MEMORY.DMP' | Copy-Item -Destination $Results

$passed = $watched -and ($dumps.Count -eq 0) -and -not ($steps | Where-Object { -not $_.Passed })
$verdict = @($steps | Select-Object Step, Passed, Detail)
$verdict += [pscustomobject]@{ Step = 'verifier'; Passed = $watched; Detail = 'watches the driver' }
$verdict += [pscustomobject]@{
    Step = 'crashes'; Passed = ($dumps.Count -eq 0)
    Detail = (@("$($dumps.Count) dumps") + @($dumps | ForEach-Object Name)) -join ', '
}
Save-Output 'verdict.txt' { $verdict | Format-Table -AutoSize }
$verdict | Format-Table -AutoSize | Out-Host

$archive = "$Results.zip"
Compress-Archive -Path (Join-Path $Results '*') -DestinationPath $archive -Force
Write-Host "Everything is in $archive"
Write-Host $(if ($passed) { 'PASSED' } else { 'FAILED' })
exit [int] (-not $passed)
